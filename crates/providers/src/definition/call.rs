//! Calls with tokens in hand.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::template::Template;

/// A call that tells whose the tokens are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its name in sources: `identity.<name>.<path>`.
    pub name: String,
    /// The call.
    pub request: Call,
}

/// A request with the tokens in hand. Every text may hold `{access_token}`, `{refresh_token}`,
/// `{refresh_or_access_token}`, `{client_id}`, `{client_secret}`, `{secret.<variable>}`,
/// `{token.<path>}`, `{callback.<name>}`, `{identity.<name>.<path>}`, `{id_token.<claim>}` and the
/// definition's variables.
///
/// A revocation comes long after the flow: there, `{token.<name>}` is the public property of that
/// name, and the callback and the identity calls are forgotten.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The URL.
    pub url: Template,
    /// How the call is authorized.
    #[serde(default)]
    pub authorization: CallAuthorization,
    /// What `authorization = "basic"` sends.
    pub basic: Option<BasicPair>,
    /// Additional headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Form body.
    #[serde(default)]
    pub form: BTreeMap<String, Template>,
    /// JSON body of texts.
    #[serde(default)]
    pub json: BTreeMap<String, Template>,
    /// A condition for success besides the status, such as Slack's `ok`.
    pub success: Option<Success>,
    /// Paths of an error's code, tried before the usual ones. Where one is there, the call failed,
    /// whatever its status.
    #[serde(default)]
    pub error: Vec<String>,
    /// Paths of the words for it, tried before the usual ones.
    #[serde(default)]
    pub error_description: Vec<String>,
}

/// A condition on a provider's answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// Where to look.
    pub path: String,
    /// What must be there.
    pub equals: Value,
}

/// Name and password of the Basic scheme (RFC 7617), as they are: not form-encoded first, as a
/// client's are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicPair {
    /// The name.
    pub username: Template,
    /// The password.
    pub password: Template,
}

/// Method of a [`Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// How a [`Call`] is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAuthorization {
    /// `Authorization: Bearer` with the access token (RFC 6750); `DPoP`, with a proof, where tokens
    /// are bound to a key (RFC 9449 section 7.1).
    #[default]
    Bearer,
    /// `Authorization: Basic` with the client's id and secret.
    ClientBasic,
    /// The client proves itself as at the token endpoint; the body is a form (RFC 7009 section 2.1).
    Client,
    /// `Authorization: Basic` with [`Call::basic`].
    Basic,
    /// Signed with the four values of OAuth 1.0a (RFC 5849).
    #[serde(rename = "oauth1")]
    OAuth1,
    /// None besides what the headers and the body say.
    None,
}
