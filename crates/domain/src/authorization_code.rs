//! Our authorization codes: `Issued`, then `Redeemed` (RFC 6749 section 4.1.2).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::{
    authorization_session::OauthRequest,
    credential::{CredentialKind, ExternalAccount},
    ids::{AccountId, AuthorizationCodeId, CredentialId, GrantId},
    opaque::{Digest, OpaqueToken, is_token},
    pkce::CodeChallenge,
    random::Random,
    redirect_uri::RedirectUri,
    sealed::Sealed,
    secret::SecretString,
};

/// How long a code is good for (RFC 9700 asks for a short life; the client redeems at once).
pub const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// A code in clear: it exists in one redirect and one token request, never at rest.
#[derive(Debug, Clone)]
pub struct AuthorizationCode(SecretString);

impl AuthorizationCode {
    /// A fresh code of 256 random bits.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.token())
    }

    /// Reads what a client sent; `None` if no code of ours looks like that.
    pub fn parse(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(SecretString::from(text)))
    }
}

impl OpaqueToken for AuthorizationCode {
    const PURPOSE: &'static str = "authorization-code";
    fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// A code to store, bound to its flow's app, redirect URI and challenge.
#[derive(Debug, Clone)]
pub struct IssuedCode {
    /// Its id.
    pub id: AuthorizationCodeId,
    /// What the database knows of it.
    pub digest: Digest<AuthorizationCode>,
    /// Where it was sent.
    pub redirect_uri: RedirectUri,
    /// The client's PKCE challenge, if it set one.
    pub challenge: Option<CodeChallenge>,
    /// The client's `state`, to come back in the token response.
    pub sealed_state: Option<Sealed>,
    /// What was asked for at `/oauth/authorize`; none: at another door.
    pub oauth: Option<OauthRequest>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A code that was redeemed, just now and by this caller alone.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The code.
    pub code_id: AuthorizationCodeId,
    /// The tenant.
    pub account_id: AccountId,
    /// The client's `state`.
    pub sealed_state: Option<Sealed>,
    /// The credential that it created or renewed.
    pub credential_id: CredentialId,
    /// The grant under that credential.
    pub grant_id: GrantId,
    /// Shape of the properties.
    pub kind: CredentialKind,
    /// Whose it is.
    pub external: ExternalAccount,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
}

/// Why a code was refused: for the log and the audit, never for the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Nobody issued it.
    Unknown,
    /// Its 60 seconds are over.
    Expired,
    /// It was redeemed before.
    Used,
    /// It was issued to another app.
    Foreign,
    /// It was asked for with another redirect URI or DPoP key, or at the other door.
    Request,
    /// The PKCE verifier is missing, wrong, or answers no challenge.
    Verifier,
}

impl CodeRefusal {
    /// The detail for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "code unknown",
            Self::Expired => "code expired",
            Self::Used => "code already used",
            Self::Foreign => "code issued to another app",
            Self::Request => "code asked for with another redirect_uri, key or door",
            Self::Verifier => "code_verifier missing, wrong, or sent without a challenge",
        }
    }
}
