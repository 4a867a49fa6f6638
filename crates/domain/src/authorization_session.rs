//! One run of the link flow: `Pending`, `Claimed`, then `Completed` or `Failed`.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroize as _;

use crate::{
    ids::{AccountId, AuthorizationSessionId, LinkSessionId, OauthAppId},
    oauth_error::ErrorCode,
    opaque::{Digest, OpaqueToken},
    pkce::CodeChallenge,
    provider::ProviderSlug,
    random::Random,
    redirect_uri::RedirectUri,
    scope::{ScopeSource, Scopes},
    sealed::Sealed,
    secret::SecretString,
};

/// How long the end user may take at the provider.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// The largest `state` that a client may send, in bytes.
pub const MAX_STATE: usize = 5 * 1024;

/// The `state` that we send to the provider: the flow's id and 256 random bits.
///
/// 64 base64url characters, which every provider takes (`NetSuite` wants 22 to 1024).
#[derive(Debug, Clone)]
pub struct ProviderState {
    session: AuthorizationSessionId,
    encoded: SecretString,
}

impl ProviderState {
    /// A fresh state for `session`.
    pub fn generate(session: AuthorizationSessionId, random: &dyn Random) -> Self {
        let mut bytes = [0; 48];
        let (id, rest) = bytes.split_at_mut(16);
        id.copy_from_slice(session.uuid().as_bytes());
        random.fill(rest);
        Self {
            session,
            encoded: SecretString::new(Base64UrlUnpadded::encode_string(&bytes)),
        }
    }

    /// Reads what a browser brought back; `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 48];
        if text.len() != 64 {
            return None;
        }
        Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        let (id, _) = bytes.split_first_chunk::<16>()?;
        Some(Self {
            session: Uuid::from_bytes(*id).into(),
            encoded: SecretString::from(text),
        })
    }

    /// The flow that it names.
    pub fn session(&self) -> AuthorizationSessionId {
        self.session
    }
}

impl OpaqueToken for ProviderState {
    const PURPOSE: &'static str = "provider-state";
    fn secret(&self) -> &SecretString {
        &self.encoded
    }
}

/// What a flow must remember and nobody may read: sealed at rest, erased when the flow ends.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SessionSecrets {
    /// The client's own `state`, byte for byte.
    pub client_state: Option<String>,
    /// Our PKCE verifier towards the provider.
    pub code_verifier: Option<String>,
    /// Our OpenID Connect nonce.
    pub nonce: Option<String>,
    /// The token of the link session that it was started from: the way back to its page.
    pub link_session: Option<String>,
    /// What was asked for at `/oauth/authorize`; none for a flow that came by another door.
    #[serde(default)]
    pub oauth: Option<OauthRequest>,
    /// The key that the tokens are to be bound to (RFC 9449), a private JWK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_key: Option<String>,
}

/// What a client asked for at `/oauth/authorize`, and its code is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthRequest {
    /// As the client wrote it: the token request must repeat it (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// To come back in the id token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Thumbprint of the key that must be proven for the code (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// Whether an id token is wanted.
    #[serde(default)]
    pub openid: bool,
}

impl std::fmt::Debug for SessionSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for SessionSecrets {
    fn drop(&mut self) {
        self.client_state.zeroize();
        self.code_verifier.zeroize();
        self.nonce.zeroize();
        self.link_session.zeroize();
        self.proof_key.zeroize();
    }
}

/// A flow to store as it starts.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id; also the reference that the hosted error page shows.
    pub id: AuthorizationSessionId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// The app's provider.
    pub provider: ProviderSlug,
    /// Where the flow ends; none: on a hosted page of its link session.
    pub redirect_uri: Option<RedirectUri>,
    /// The link session that it was started from.
    pub link_session_id: Option<LinkSessionId>,
    /// Digest of our state; none while the end user still has to fill in variables.
    pub state_digest: Option<Digest<ProviderState>>,
    /// [`SessionSecrets`].
    pub sealed_secrets: Sealed,
    /// The client's PKCE challenge.
    pub challenge: Option<CodeChallenge>,
    /// Scopes to ask for.
    pub scopes: Scopes,
    /// Where those came from.
    pub scope_source: ScopeSource,
    /// The provider's variables, checked.
    pub variables: BTreeMap<String, String>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// An attempt that failed before it became a flow; kept for the flow log alone.
#[derive(Debug, Clone)]
pub struct RefusedStart {
    /// The reference that the hosted page shows.
    pub id: AuthorizationSessionId,
    /// The tenant of the app that was named.
    pub account_id: AccountId,
    /// The OAuth app that was named.
    pub oauth_app_id: OauthAppId,
    /// Its provider.
    pub provider: ProviderSlug,
    /// The link session that it was started from.
    pub link_session_id: Option<LinkSessionId>,
    /// Why.
    pub failure: Failure,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// A flow waiting for the end user to fill in variables.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// The flow.
    pub id: AuthorizationSessionId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// The provider's client id of the app.
    pub client_id: String,
    /// The provider.
    pub provider: ProviderSlug,
    /// Where the flow ends; none: on a hosted page of its link session.
    pub redirect_uri: Option<RedirectUri>,
    /// [`SessionSecrets`].
    pub sealed_secrets: Sealed,
    /// Scopes to ask for.
    pub scopes: Scopes,
    /// Variables known so far.
    pub variables: BTreeMap<String, String>,
}

/// A flow that this callback, and no other, may complete.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The flow.
    pub id: AuthorizationSessionId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// The provider's client id of the app.
    pub client_id: String,
    /// The provider's client secret of the app.
    pub sealed_client_secret: Sealed,
    /// The provider.
    pub provider: ProviderSlug,
    /// Where the flow ends; none: on a hosted page of its link session.
    pub redirect_uri: Option<RedirectUri>,
    /// The link session that it was started from.
    pub link_session_id: Option<LinkSessionId>,
    /// [`SessionSecrets`].
    pub sealed_secrets: Sealed,
    /// An answer by `form_post` that was kept between two requests.
    pub sealed_response: Option<Sealed>,
    /// The client's PKCE challenge.
    pub challenge: Option<CodeChallenge>,
    /// Scopes asked for.
    pub scopes: Scopes,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
}

/// Why a callback could not claim its flow: for the log, never for the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// No such flow, or another state.
    Unknown,
    /// Its ten minutes are over.
    Expired,
    /// A callback was here before.
    Used,
    /// The callback's path names another provider.
    OtherProvider,
}

impl ClaimRefusal {
    /// The detail for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "state unknown",
            Self::Expired => "state expired",
            Self::Used => "state already used",
            Self::OtherProvider => "callback of another provider",
        }
    }
}

/// The steps of a flow, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The client sent the browser here.
    Start,
    /// The provider sent the browser back.
    Callback,
    /// The provider's code went for its tokens.
    Exchange,
    /// The account was named.
    Identity,
    /// The grant was stored and our code issued.
    Complete,
}

impl Step {
    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Callback => "callback",
            Self::Exchange => "exchange",
            Self::Identity => "identity",
            Self::Complete => "complete",
        }
    }
}

/// How a flow failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// The code for the client.
    pub error: ErrorCode,
    /// The sentence for the client.
    pub description: String,
    /// What an admin needs to know: the provider's own words, redacted.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_state_names_its_flow() {
        let session = AuthorizationSessionId::from(Uuid::from_bytes([7; 16]));
        let state = ProviderState::generate(session, &OsRandom);
        assert_eq!(state.secret().expose().len(), 64);
        let read = ProviderState::parse(state.secret().expose()).expect("ours");
        assert_eq!(read.session(), session);
        assert!(ProviderState::parse("x").is_none());
        assert!(ProviderState::parse(&"=".repeat(64)).is_none());
    }
}
