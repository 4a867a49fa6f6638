//! Where a provider's API is, and how a call of it is authorized: what the proxy needs.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{definition::BasicPair, template::Template};

/// The provider's API. Every text may hold `{access_token}`, `{secret.<variable>}`, the definition's
/// variables, and `{token.<name>}`: the credential's public property of that name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// What the paths of calls are appended to. Calls never leave it: neither its host nor its path.
    pub base_url: Template,
    /// How a call is authorized.
    #[serde(default)]
    pub authorization: ApiAuthorization,
    /// What `authorization = "basic"` sends.
    pub basic: Option<BasicPair>,
    /// Parameters of the query, such as a key; they replace the caller's.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Additional headers. One with a secret in it replaces the caller's; any other, such as
    /// a version, gives way to it.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
}

/// Whether a name in a template of `[api]` stands for something that proves who calls.
pub(crate) fn is_proof(name: &str) -> bool {
    name == "access_token" || name.starts_with("secret.")
}

/// How a call of the API is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiAuthorization {
    /// `Authorization: Bearer` with the access token (RFC 6750); `DPoP`, with a proof, where tokens
    /// are bound to a key (RFC 9449 section 7.1).
    #[default]
    Bearer,
    /// `Authorization: Basic` with [`Api::basic`].
    Basic,
    /// By a parameter of [`Api::query`].
    Query,
    /// Signed with the four values of OAuth 1.0a (RFC 5849).
    #[serde(rename = "oauth1")]
    OAuth1,
    /// By the headers alone.
    None,
}
