//! What is wrong with each field, gathered: a caller hears of all at once.

use std::{collections::BTreeMap, fmt::Display};

use crate::api::error::ApiError;

/// The fields that are wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    /// The checked value; or none, and the reason is kept.
    pub(crate) fn take<T, E: Display>(&mut self, field: &str, checked: Result<T, E>) -> Option<T> {
        checked
            .map_err(|why| {
                let reasons = self.0.entry(field.to_owned()).or_default();
                reasons.push(why.to_string());
            })
            .ok()
    }

    /// What was made of the fields; without it, or with a field that is wrong, the refusal.
    pub(crate) fn settle<T>(self, made: Option<T>) -> Result<T, ApiError> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(ApiError::Invalid(self.0)),
        }
    }
}
