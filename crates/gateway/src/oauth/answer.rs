//! What a token request is answered with (RFC 6749 section 5.1).

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderName, HeaderValue},
};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    client_settings::AccessTokenMode,
    ids::{RefreshFamilyId, RefreshTokenId},
    opaque::{OpaqueToken as _, RefreshToken},
};
use keyway_store::{NewRefreshToken, StoredCredential};
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    error::Fault,
    lifecycle::fresh::Opened,
    oauth::{
        access_token::{self, Binding},
        client_auth::Client,
        error::OauthError,
    },
};

/// A refresh token: for the client in clear, for the database as a digest.
pub(super) struct Issued {
    pub(super) token: RefreshToken,
    pub(super) stored: NewRefreshToken,
}

impl Issued {
    /// A fresh one.
    pub(super) fn new(app: &App, client: &Client, now: DateTime<Utc>) -> Self {
        let token = RefreshToken::generate(app.random.as_ref());
        let idle = seconds(client.app.settings.refresh_token_idle_lifetime);
        Self {
            stored: NewRefreshToken {
                id: RefreshTokenId::generate(now, app.random.as_ref()),
                digest: app.ring.digest(&token),
                expires_at: now + idle,
            },
            token,
        }
    }
}

/// What the client may have.
pub(super) struct Granted<'a> {
    pub(super) family: RefreshFamilyId,
    pub(super) opened: Opened,
    pub(super) refresh_token: RefreshToken,
    pub(super) openid: bool,
    pub(super) nonce: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) certificate: Option<&'a str>,
}

/// Tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = OauthTokens)]
pub(super) struct Answer<'a> {
    /// The provider's, or one of Keyway's own: as the app's settings say.
    access_token: &'a str,
    /// `Bearer`, or `DPoP` for a token that is bound to a key.
    token_type: &'a str,
    /// Seconds; left out if nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in: Option<i64>,
    /// Keyway's own; left out in exchange for a subject token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<&'a str>,
    /// What the provider granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<&'a str>,
    /// If `openid` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id_token: Option<&'a str>,
    /// In exchange for a subject token (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    issued_token_type: Option<&'a str>,
    /// The credential behind it.
    credential_id: Uuid,
    /// Slug of the provider.
    provider: &'a str,
}

impl<'a> Answer<'a> {
    /// The provider's own token, in exchange for another (RFC 8693).
    pub(super) fn exchanged(
        credential: &'a StoredCredential,
        access_token: &'a str,
        issued_token_type: &'a str,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            access_token,
            token_type: "Bearer",
            expires_in: left(credential, now),
            refresh_token: None,
            scope: credential.scope.as_deref(),
            id_token: None,
            issued_token_type: Some(issued_token_type),
            credential_id: credential.id.uuid(),
            provider: credential.provider.as_str(),
        }
    }

    /// The answer, which nobody may keep.
    pub(super) fn respond(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"))
            .json(self)
    }
}

/// For how long the provider's token is good, if anybody knows.
fn left(credential: &StoredCredential, now: DateTime<Utc>) -> Option<i64> {
    credential
        .expires_at
        .map(|at| (at - now).num_seconds().max(0))
}

/// Whether the client gets a token of Keyway's own: because its app says so, or because what it
/// gets is bound to its key or its certificate, which no provider knows.
pub(super) fn is_gateways(client: &Client, key: Option<&str>, certificate: Option<&str>) -> bool {
    client.app.settings.access_token == AccessTokenMode::Gateway
        || key.is_some()
        || certificate.is_some()
}

/// The answer.
pub(super) async fn respond(
    app: &App,
    client: &Client,
    granted: &Granted<'_>,
    now: DateTime<Utc>,
) -> Result<HttpResponse, OauthError> {
    let Opened {
        credential,
        secrets,
    } = &granted.opened;
    let binding = Binding {
        key: granted.key,
        certificate: granted.certificate,
    };
    let theirs = secrets
        .access_token
        .as_deref()
        .filter(|_| !is_gateways(client, granted.key, granted.certificate));
    let keys = app.signing_keys.current(app, now).await?;
    // A provider of keys has no access token: its credential is used through Keyway.
    let own = match theirs {
        Some(_) => None,
        None => Some(access_token::mint(
            app,
            &keys,
            &access_token::Subject {
                client: client.app.id,
                credential: credential.id,
                family: granted.family,
                scope: credential.scope.as_deref(),
            },
            &binding,
            now,
        )?),
    };
    let id_token = granted
        .openid
        .then(|| access_token::id_token(app, &keys, client, credential.id, granted.nonce, now))
        .transpose()?;
    let expires_in = match theirs {
        Some(_) => left(credential, now),
        None => Some(access_token::LIFETIME.num_seconds()),
    };
    let token = theirs
        .or(own.as_deref())
        .ok_or(Fault::Unreadable("access token"))?;
    let body = Answer {
        access_token: token,
        token_type: if granted.key.is_some() {
            "DPoP"
        } else {
            "Bearer"
        },
        expires_in,
        refresh_token: Some(granted.refresh_token.secret().expose()),
        scope: credential.scope.as_deref(),
        id_token: id_token.as_deref(),
        issued_token_type: None,
        credential_id: credential.id.uuid(),
        provider: credential.provider.as_str(),
    };
    let mut response = body.respond();
    if granted.key.is_some() && client.is_public() {
        // The next one in time, so that no request fails for the want of it (RFC 9449 section 8.2).
        let nonce = HeaderValue::try_from(app.ring.proof_nonce(now));
        let nonce = nonce.map_err(|_| Fault::Unreadable("nonce"))?;
        response
            .headers_mut()
            .insert(HeaderName::from_static("dpop-nonce"), nonce);
    }
    let detail = format!("credential {} handed out", credential.id);
    Ok(with_detail(response, detail))
}

/// Whole seconds.
pub(super) fn seconds(count: u32) -> TimeDelta {
    TimeDelta::seconds(count.into())
}
