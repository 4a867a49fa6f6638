//! Proof of possession (RFC 9449): tokens that are bound to a key of each credential's own.

mod key;
mod nonces;

use keyway_domain::{Random, SecretString, credential::GrantSecrets, token_set::TokenSet};
use reqwest::header::HeaderMap;
use url::Url;

pub use self::key::ProofKey;
pub(crate) use self::nonces::Nonces;
use crate::{
    Definition,
    error::ProviderError,
    http::{Answer, HttpClient, Outgoing},
    oauth1::Once,
    request::{self, unusable},
};

/// The header of a proof.
pub(crate) const PROOF: &str = "dpop";
/// The header of a nonce that a server wants to see in the next proof.
pub(crate) const NONCE: &str = "dpop-nonce";
/// What a server says that wants a nonce, or a newer one (sections 8 and 9).
const WANTS_NONCE: &str = "use_dpop_nonce";

impl Definition {
    /// A key for a new credential, as it is kept; none where tokens are not bound to one.
    ///
    /// # Errors
    /// [`ProviderError::Unusable`] if none could be made.
    pub fn new_proof_key(
        &self,
        random: &dyn Random,
    ) -> Result<Option<SecretString>, ProviderError> {
        if !self.binds_tokens() {
            return Ok(None);
        }
        let key = ProofKey::generate(random)?;
        Ok(Some(key.text().clone()))
    }
}

/// The key that a flow is made with.
pub(crate) fn of_flow(
    definition: &Definition,
    text: Option<&SecretString>,
) -> Result<Option<ProofKey>, ProviderError> {
    match text {
        _ if !definition.binds_tokens() => Ok(None),
        Some(text) => ProofKey::read(text).map(Some),
        None => Err(unusable("the flow has no key to bind its tokens to")),
    }
}

/// The key that an authorization request names. Who only shows where a flow would go has none.
pub(crate) fn of_request(
    definition: &Definition,
    text: Option<&SecretString>,
) -> Result<Option<ProofKey>, ProviderError> {
    let text = text.filter(|_| definition.binds_tokens());
    text.map(ProofKey::read).transpose()
}

/// The key that a grant's tokens are bound to. A grant that was made before its definition said
/// `dpop` has none.
pub(crate) fn of_grant(
    definition: &Definition,
    secrets: &GrantSecrets,
) -> Result<Option<ProofKey>, ProviderError> {
    let text = secrets.proof_key.as_deref();
    let text = text.filter(|_| definition.binds_tokens());
    text.map(|text| ProofKey::read(&text.into())).transpose()
}

/// Checks that tokens which were to be bound to a key are (section 5): any other type is a token
/// that whoever finds it can use.
pub(crate) fn check_bound(key: Option<&ProofKey>, tokens: &TokenSet) -> Result<(), ProviderError> {
    let kind = tokens.token_type.as_deref().unwrap_or_default();
    if key.is_none() || kind.eq_ignore_ascii_case("dpop") {
        return Ok(());
    }
    Err(ProviderError::Untrusted(
        "the access token is not bound to our key: its token_type is not DPoP".into(),
    ))
}

/// Sends a request with a proof, where there is a key.
///
/// A server that wants a nonce refuses the first request without doing anything else: neither code
/// nor refresh token is spent. The request is made anew, with a proof and an assertion of its own,
/// and sent once more, within the time of one call.
pub(crate) async fn send(
    http: &HttpClient,
    key: Option<&ProofKey>,
    access_token: Option<&str>,
    make: impl Fn(&Once) -> Result<Outgoing, ProviderError>,
) -> Result<Answer, ProviderError> {
    let Some(key) = key else {
        return http.send(make(&http.once())?).await;
    };
    let both = async {
        let (answer, used) = prove(http, key, access_token, &make).await?;
        if !asks_for_nonce(&answer, used.as_deref(), access_token.is_some()) {
            return Ok(answer);
        }
        let (answer, _) = prove(http, key, access_token, &make).await?;
        Ok(answer)
    };
    http.within_a_call(both).await
}

async fn prove(
    http: &HttpClient,
    key: &ProofKey,
    access_token: Option<&str>,
    make: &impl Fn(&Once) -> Result<Outgoing, ProviderError>,
) -> Result<(Answer, Option<String>), ProviderError> {
    let mut outgoing = make(&http.once())?;
    let url = outgoing.url.clone();
    let method = outgoing.method.clone();
    let proof = Proof {
        key,
        access_token,
        method: method.as_str(),
        url: &url,
    };
    let nonce = proof.add_to(&mut outgoing.headers, http)?;
    let answer = http.send(outgoing).await?;
    http.nonces.note(&url, answer.dpop_nonce.as_deref());
    Ok((answer, nonce))
}

/// What a proof is of.
pub(crate) struct Proof<'a> {
    pub(crate) key: &'a ProofKey,
    pub(crate) access_token: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
}

impl Proof<'_> {
    /// Adds the proof to a request's headers; the nonce that is in it.
    ///
    /// Its `jti` is no other's: oidc-provider remembers those of proofs and of assertions as one, so
    /// that a request with the same in both counts as a replay.
    pub(crate) fn add_to(
        &self,
        headers: &mut HeaderMap,
        http: &HttpClient,
    ) -> Result<Option<String>, ProviderError> {
        let nonce = http.nonces.of(self.url);
        let proof = self.key.prove(self, nonce.as_deref(), &http.once())?;
        request::insert(headers, PROOF, &proof)?;
        Ok(nonce)
    }
}

/// Whether a server refused for want of a nonce that it gave along, after a proof with the nonce
/// `used`. An authorization server must say so in its own words: its other refusals may have spent a
/// code. A resource server's 401 means that nothing was done.
fn asks_for_nonce(answer: &Answer, used: Option<&str>, is_resource: bool) -> bool {
    let given = answer.dpop_nonce.as_deref();
    if is_resource {
        return resource_asks(answer.status, given, used, &answer.challenge);
    }
    let is_new = given.is_some() && given != used;
    is_new && matches!(answer.status, 400 | 401) && names_nonce(&answer.body)
}

/// Whether a resource server refused for want of the nonce `given` (section 9).
pub(crate) fn resource_asks(
    status: u16,
    given: Option<&str>,
    used: Option<&str>,
    challenge: &str,
) -> bool {
    let is_new = given.is_some() && given != used;
    is_new && status == 401 && (challenge.contains(WANTS_NONCE) || used.is_none())
}

fn names_nonce(body: &[u8]) -> bool {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("error").and_then(serde_json::Value::as_str) == Some(WANTS_NONCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, nonce: Option<&str>, body: &str, challenge: &str) -> Answer {
        Answer {
            status,
            dpop_nonce: nonce.map(str::to_owned),
            body: body.as_bytes().to_vec(),
            challenge: challenge.to_owned(),
            ..Answer::default()
        }
    }

    #[test]
    fn an_authorization_server_asks_in_so_many_words() {
        let wanted = r#"{"error":"use_dpop_nonce"}"#;
        let asks = |status, nonce, body, used| {
            asks_for_nonce(&answer(status, nonce, body, ""), used, false)
        };
        assert!(asks(400, Some("new"), wanted, None));
        assert!(asks(400, Some("new"), wanted, Some("old")));
        assert!(!asks(400, Some("new"), wanted, Some("new")), "the same");
        assert!(!asks(400, None, wanted, None), "none given");
        assert!(!asks(200, Some("new"), wanted, None), "it was done");
        let spent = r#"{"error":"invalid_grant"}"#;
        assert!(!asks(400, Some("new"), spent, None), "it may be spent");
    }

    #[test]
    fn a_resource_server_asks_by_401() {
        let asks = |status, challenge, used| {
            asks_for_nonce(&answer(status, Some("new"), "", challenge), used, true)
        };
        let wanted = r#"DPoP error="use_dpop_nonce""#;
        assert!(asks(401, wanted, Some("old")));
        assert!(asks(401, "", None));
        assert!(!asks(401, "", Some("old")), "another refusal");
        assert!(!asks(200, wanted, None), "it was done");
    }
}
