//! What a token endpoint answered.

use chrono::{DateTime, Utc};

use crate::{scope::Scopes, secret::SecretString};

/// A provider's tokens, in the standard's terms, whatever the answer looked like.
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// The access token.
    pub access_token: SecretString,
    /// `Bearer` in almost every case; kept in the provider's spelling.
    pub token_type: Option<String>,
    /// Present if the provider issued one with this answer.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends, if it does and the provider or its definition says so.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends, if the provider says so.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// The scopes granted, if the answer or the request tells.
    pub scope: Option<Scopes>,
    /// An OpenID Connect `id_token`, unverified.
    pub id_token: Option<SecretString>,
}
