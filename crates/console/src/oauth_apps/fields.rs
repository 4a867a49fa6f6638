//! The fields of an app's forms, and what is wrong with them.

use std::collections::BTreeMap;

use keyway_domain::{
    SecretString,
    oauth_app::{self, InvalidField},
    scope::Scopes,
};
use keyway_providers::Definition;

/// What is wrong with each field.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) name: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    pub(super) scopes: Option<String>,
    /// By the variable's name.
    pub(super) variables: BTreeMap<String, String>,
}

/// A name for people.
pub(crate) fn name(typed: &str) -> Result<String, String> {
    oauth_app::name(typed).map_err(sentence)
}

/// A provider's client id.
pub(super) fn client_id(typed: &str) -> Result<String, String> {
    oauth_app::client_id(typed).map_err(sentence)
}

/// A provider's client secret.
pub(super) fn client_secret(typed: &SecretString) -> Result<SecretString, String> {
    oauth_app::client_secret(typed).map_err(sentence)
}

/// Scopes to ask for; none means the catalogue's default.
pub(super) fn scopes(
    typed: &str,
    definition: Option<&Definition>,
) -> Result<Option<Scopes>, String> {
    let separator = definition.map_or(" ", Definition::scope_separator);
    oauth_app::scopes(typed, separator).map_err(sentence)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn sentence(error: InvalidField) -> String {
    error.to_string()
}
