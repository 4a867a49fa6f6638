//! What a client keeps with an OAuth app or a credential: a JSON object of its own.

use serde_json::{Map, Value};

/// The largest, as JSON text.
const LARGEST: usize = 16 * 1024;

/// Why metadata cannot be kept; the sentence to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Over 16 kB.
    #[error("at most 16 kB as JSON text")]
    TooLarge,
    /// Holds a NUL, which Postgres takes in no text.
    #[error("no NUL characters (\\u0000)")]
    Nul,
}

/// Checks metadata that are to be kept or searched for.
///
/// # Errors
/// [`InvalidMetadata`].
pub fn check(metadata: &Map<String, Value>) -> Result<(), InvalidMetadata> {
    let mut length = 0;
    for (name, value) in metadata {
        length += name.len() + value.to_string().len();
        if name.contains('\0') || has_nul(value) {
            return Err(InvalidMetadata::Nul);
        }
    }
    if length > LARGEST {
        return Err(InvalidMetadata::TooLarge);
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(metadata: Value) -> Result<(), InvalidMetadata> {
        let Value::Object(metadata) = metadata else {
            return Ok(());
        };
        check(&metadata)
    }

    #[test]
    fn what_postgres_would_refuse_is_refused_before() {
        assert_eq!(checked(json!({"team": {"id": 7, "tags": ["a"]}})), Ok(()));
        for bad in [
            json!({"a\0": 1}),
            json!({"a": [{"b": "\0"}]}),
            json!({"a": {"\0": 1}}),
        ] {
            assert_eq!(checked(bad), Err(InvalidMetadata::Nul));
        }
        let long = "x".repeat(16 * 1024);
        assert_eq!(checked(json!({"a": long})), Err(InvalidMetadata::TooLarge));
    }
}
