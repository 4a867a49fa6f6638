//! How an `id_token` is checked (OpenID Connect Core section 3.1.3.7).

use serde::Deserialize;

use crate::template::Template;

/// The signature of an `id_token`. Without this its claims are checked, and the TLS of the token
/// endpoint stands in for the signature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdToken {
    /// Where the provider's keys are (RFC 7517); may hold `{variables}`.
    pub jwks_url: Template,
    /// The algorithms that it signs with; no other is taken, whatever a token says of itself.
    #[serde(default = "rs256")]
    pub algorithms: Vec<SigningAlgorithm>,
}

/// Algorithms with a public key (RFC 7518 section 3.1). Neither `none` nor one with a shared secret
/// is among them: a public key is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are the registry's")]
pub enum SigningAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

fn rs256() -> Vec<SigningAlgorithm> {
    vec![SigningAlgorithm::RS256]
}
