//! JSON that others send, and that Postgres is to keep.

use serde_json::Value;

/// Beyond it, a number may come back from Postgres as one that no float can hold.
const LARGEST: f64 = 1e300;

/// Why a value cannot be kept; the sentence to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    /// Holds a NUL, which Postgres takes in no text.
    #[error("no NUL characters (\\u0000)")]
    Nul,
    /// Holds a number that would not be read back.
    #[error("no numbers beyond 1e300")]
    Number,
}

/// Checks that Postgres keeps a value, and gives it back.
///
/// # Errors
/// [`NotStorable`].
pub fn check(value: &Value) -> Result<(), NotStorable> {
    match value {
        Value::String(text) => check_text(text),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            check_text(name)?;
            check(value)
        }),
        Value::Number(number) if number.as_f64().is_some_and(|n| n.abs() > LARGEST) => {
            Err(NotStorable::Number)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), NotStorable> {
    if text.contains('\0') {
        Err(NotStorable::Nul)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_postgres_would_refuse_is_refused_before() {
        let good = json!({"team": {"id": 7, "tags": ["a", null, true, -1e300, 1e-308]}});
        assert_eq!(check(&good), Ok(()));
        for bad in [
            json!({"a\0": 1}),
            json!({"a": [{"b": "\0"}]}),
            json!({"a": {"\0": 1}}),
        ] {
            assert_eq!(check(&bad), Err(NotStorable::Nul));
        }
    }

    #[test]
    fn what_would_not_be_read_back_is_refused() {
        for bad in [json!([f64::MAX]), json!({"a": -f64::MAX})] {
            assert_eq!(check(&bad), Err(NotStorable::Number));
        }
    }
}
