//! Where a provider's API is, and how a call of it is authorized: what the proxy needs.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::template::Template;

/// The provider's API. Every text may hold `{access_token}`, the definition's variables, and
/// `{token.<name>}`: the credential's public property of that name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// What the paths of calls are appended to. Calls never leave it: neither its host nor its path.
    pub base_url: Template,
    /// How a call is authorized.
    #[serde(default)]
    pub authorization: ApiAuthorization,
    /// Additional headers. One with the access token in it replaces the caller's; any other, such as
    /// a version, gives way to it.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
}

/// How a call of the API is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiAuthorization {
    /// `Authorization: Bearer` with the access token (RFC 6750).
    #[default]
    Bearer,
    /// By the headers alone.
    None,
}
