//! Columns of JSON: from what the database holds to what the domain knows.

use serde_json::{Map, Value};

use crate::StoreError;

/// An object.
pub(crate) fn object(
    table: &'static str,
    column: &'static str,
    value: Value,
) -> Result<Map<String, Value>, StoreError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(StoreError::Corrupt { table, column }),
    }
}

/// A list of texts.
pub(crate) fn texts(
    table: &'static str,
    column: &'static str,
    value: Value,
) -> Result<Vec<String>, StoreError> {
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt { table, column })
}
