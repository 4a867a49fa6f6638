//! Ways other than the code flow: signed requests, and tokens minted with an assertion.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Auth, Definition};
use crate::template::Template;

/// How calls are signed with OAuth 1.0a. The four values are the variables `consumer_key`,
/// `consumer_secret`, `token` and `token_secret`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth1 {
    /// The method (RFC 5849 section 3.4).
    pub signature_method: SignatureMethod,
    /// The realm; may hold `{variables}`.
    pub realm: Option<Template>,
}

/// Signature methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SignatureMethod {
    /// RFC 5849 section 3.4.2.
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// The same with SHA-256, as NetSuite demands.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

/// The assertion that access tokens are minted with (RFC 7523 section 3).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// `iss`.
    pub issuer: Template,
    /// `sub`.
    pub subject: Option<Template>,
    /// `aud`.
    pub audience: Template,
    /// The secret variable that holds the private key, as PEM.
    pub key: String,
    /// `kid` of the header.
    pub key_id: Option<Template>,
    /// `alg` of the header.
    #[serde(default = "rs256")]
    pub algorithm: String,
    /// Seconds that it is good for.
    #[serde(default = "five_minutes")]
    pub lifetime: u32,
    /// Further claims.
    #[serde(default)]
    pub claims: BTreeMap<String, Template>,
}

impl Definition {
    /// The secret variable that counts as the access token: the one that [`Definition::entry`]
    /// names, or the only one there is.
    pub fn entry_name(&self) -> Option<&str> {
        match (&self.entry, self.auth) {
            (Some(name), _) => Some(name),
            (None, Auth::OAuth1) => Some("token_secret"),
            (None, _) => {
                let mut hidden = self.variables.iter().filter(|(_, rule)| rule.secret);
                let (name, _) = hidden.next()?;
                hidden.next().is_none().then_some(name.as_str())
            }
        }
    }
}

fn rs256() -> String {
    "RS256".into()
}

fn five_minutes() -> u32 {
    300
}
