//! The part of a definition that the browser sees: the request, and what comes back.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::defaults;
use crate::{source::Source, template::Template};

/// The authorization endpoint (RFC 6749 section 3.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// Its URL; may hold `{variables}`.
    pub url: Template,
    /// Where the request is pushed before the browser goes (RFC 9126); may hold `{variables}`. The
    /// browser then carries no more than a reference to it.
    pub par: Option<Template>,
    /// Proof Key for Code Exchange (RFC 7636), S256.
    #[serde(default)]
    pub pkce: Pkce,
    /// Between scopes on the wire.
    #[serde(default = "defaults::space")]
    pub scope_separator: String,
    /// Asked for when neither the request nor the app says otherwise.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// Always asked for: without them Keyway cannot name the account or refresh.
    #[serde(default)]
    pub mandatory_scopes: Vec<String>,
    /// The API that the tokens are for (RFC 8707), here and at the token endpoint.
    pub resource: Option<Template>,
    /// Value of `response_mode`, for providers that answer by form.
    pub response_mode: Option<String>,
    /// The provider's own parameters. A value may hold `{variables}`; one that is empty is left out.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
    /// The provider's names for standard parameters.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Standard parameters to leave out, for providers that refuse them.
    #[serde(default)]
    pub omit: Vec<String>,
}

impl Authorize {
    /// The provider's name for a standard parameter; none if it is left out.
    pub fn parameter<'a>(&'a self, standard: &'a str) -> Option<&'a str> {
        defaults::parameter(&self.rename, &self.omit, standard)
    }
}

/// Whether the provider takes a PKCE challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// Refuses without one.
    Required,
    /// Takes one: it is always sent.
    Supported,
    /// Ignores or refuses one, or nobody knows: none is sent.
    #[default]
    None,
}

/// The callback.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Issuer that a `iss` parameter must equal (RFC 9207). May hold `{variables}`.
    pub issuer: Option<Template>,
    /// Whether `iss` must be there: for providers that document that they send it.
    #[serde(default)]
    pub issuer_required: bool,
    /// Parameters besides `code` and `state` to take from the callback, by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, CallbackParameter>,
}

/// A parameter that the provider adds to the callback, such as QuickBooks' `realmId`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackParameter {
    /// Regular expression that the whole value must match.
    pub pattern: String,
    /// Whether the flow fails without it.
    #[serde(default = "defaults::yes")]
    pub required: bool,
}

/// One grant may open several accounts: which one is meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Path of the list of accounts: `identity.sites`.
    pub from: Source,
    /// Path of an account's id, in the list's items.
    pub id: String,
    /// Path of its name.
    pub label: String,
    /// Only the items of which this is true.
    #[serde(rename = "where")]
    pub only: Option<Where>,
}

/// A condition on a list's items.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Path in the item.
    pub path: String,
    /// What must be there. Items pass where the template has no value.
    pub equals: Template,
}
