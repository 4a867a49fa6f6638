//! What a client keeps with an OAuth app or a credential: a JSON object of its own.

use serde_json::{Map, Value};

use crate::json::{self, NotStorable};

/// The largest, as JSON text.
const LARGEST: usize = 16 * 1024;

/// Why metadata cannot be kept; the sentence to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Over 16 kB.
    #[error("at most 16 kB as JSON text")]
    TooLarge,
    /// Postgres would not keep them, or not give them back.
    #[error(transparent)]
    NotStorable(#[from] NotStorable),
}

/// Checks metadata that are to be kept or searched for.
///
/// # Errors
/// [`InvalidMetadata`].
pub fn check(metadata: &Map<String, Value>) -> Result<(), InvalidMetadata> {
    let whole = Value::Object(metadata.clone());
    json::check(&whole)?;
    if whole.to_string().len() > LARGEST {
        return Err(InvalidMetadata::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_too_large_or_cannot_be_kept_is_refused() {
        let checked = |value: Value| check(value.as_object().expect("an object"));
        assert_eq!(checked(json!({"team": {"id": 7}})), Ok(()));
        let nul = InvalidMetadata::NotStorable(NotStorable::Nul);
        assert_eq!(checked(json!({"a": "\0"})), Err(nul));
        let long = "x".repeat(16 * 1024);
        assert_eq!(checked(json!({"a": long})), Err(InvalidMetadata::TooLarge));
    }
}
