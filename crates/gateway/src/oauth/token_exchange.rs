//! A token that stands for an end user, for the access token of that end user (RFC 8693).
//!
//! Whoever exchanges must prove itself, and gets no more than was granted to its own app: the subject
//! is one of Keyway's own tokens that was issued to it, or one of an identity provider that the
//! account has named, for the audience that it has named.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{client_settings::SubjectTokenIssuer, oauth_error::ErrorCode};
use keyway_store::StoredCredential;
use keyway_vault::jws::{Claims, KeySet, Unverified};
use keyway_web::log::with_detail;

use crate::{
    App,
    lifecycle::fresh,
    link::parameters::Parameters,
    oauth::{
        access_token,
        answer::{self, Answer},
        client_auth::Client,
        error::OauthError,
        form,
        refresh_grant::narrowed,
    },
};

/// The grant type.
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Token types (RFC 8693 section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// By how much another's clock may be wrong.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Exchanges a token of an end user for the provider's.
///
/// # Errors
/// [`OauthError`].
pub(super) async fn exchange(
    app: &web::Data<App>,
    client: &Client,
    form: &Parameters,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<HttpResponse, OauthError> {
    let subject = form::required(form, "subject_token")?;
    let kind = form::required(form, "subject_token_type")?;
    if ![ACCESS_TOKEN, ID_TOKEN, JWT].contains(&kind) {
        return Err(invalid(
            "subject_token_type must be access_token, id_token or jwt.",
        ));
    }
    if form
        .one("requested_token_type")?
        .is_some_and(|wanted| wanted != ACCESS_TOKEN)
    {
        return Err(invalid("requested_token_type must be access_token."));
    }
    if form.one("actor_token")?.is_some() {
        return Err(invalid("Nobody acts for another here."));
    }
    let elsewhere = |audience: &str| audience != app.public_url.as_str();
    if form.one("audience")?.is_some_and(elsewhere) {
        return Err(OauthError::Refused {
            code: ErrorCode::InvalidTarget,
            description: "There is no such audience.".into(),
        });
    }
    if client.is_public() {
        return Err(OauthError::InvalidClient {
            detail: "a public client exchanges a token",
            basic: false,
        });
    }
    if answer::is_gateways(client, key, client.bound_certificate()?) {
        return Err(invalid("This client gets no tokens of the provider."));
    }
    let credential = credential(app, client, subject, now).await?;
    narrowed(form, credential.scope.as_deref())?;
    let opened = fresh::serve(app, credential, false).await?;
    let credential = &opened.credential;
    let token = opened.secrets.access_token.as_deref();
    let token = token.ok_or(OauthError::InvalidGrant(
        "the credential has no access token",
    ))?;
    app.store
        .note_token_exchange(credential, client.app.id, app.now())
        .await?;
    let body = Answer::exchanged(credential, token, ACCESS_TOKEN, app.now());
    let detail = format!("credential {} handed out in exchange", credential.id);
    Ok(with_detail(body.respond(), detail))
}

/// The credential of the end user that a token stands for.
async fn credential(
    app: &App,
    client: &Client,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<StoredCredential, OauthError> {
    let token = Unverified::parse(subject)
        .map_err(|_| OauthError::InvalidGrant("subject token is no JWT that is taken here"))?;
    let issuer = token.unverified_text("iss").unwrap_or_default();
    if issuer == app.public_url.as_str() {
        return own(app, client, subject, now).await;
    }
    let issuers = &client.app.settings.subject_token_issuers;
    let known = issuers.iter().find(|known| known.issuer == issuer);
    let known = known.ok_or(OauthError::InvalidGrant(
        "subject token of an unknown issuer",
    ))?;
    let claims = verified(&token, known)?;
    check(&claims, known, now)?;
    let sub = claims.text("sub").filter(|sub| !sub.is_empty());
    let sub = sub.ok_or(OauthError::InvalidGrant("subject token without sub"))?;
    let mut found = app
        .store
        .find_credentials_of_end_user(client.app.id, sub)
        .await?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(OauthError::InvalidGrant(
            "the end user has several credentials",
        )),
        (None, _) => Err(OauthError::InvalidGrant("the end user has no credential")),
    }
}

/// The credential that one of our own tokens of this client stands for.
async fn own(
    app: &App,
    client: &Client,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<StoredCredential, OauthError> {
    let keys = app.signing_keys.current(app, now).await?;
    if let Ok(token) = access_token::verify(app, &keys, subject, now) {
        if token.client != client.app.id {
            return Err(OauthError::InvalidGrant("subject token of another client"));
        }
        if token.key.is_some() || token.certificate.is_some() {
            // What is bound is worth nothing to whoever holds it alone.
            return Err(OauthError::InvalidGrant("subject token bound to a key"));
        }
        let found = app
            .store
            .find_credential_of_family(token.family, token.client, token.credential)
            .await?;
        return found.ok_or(OauthError::InvalidGrant("subject token revoked"));
    }
    let id = access_token::verify_id_token(app, &keys, subject, client.app.id, now)
        .map_err(OauthError::InvalidGrant)?;
    let found = app
        .store
        .find_stored_credential(client.app.account_id, id)
        .await?;
    found
        .filter(|found| found.oauth_app_id == client.app.id)
        .ok_or(OauthError::InvalidGrant("the credential is gone"))
}

fn verified(token: &Unverified<'_>, issuer: &SubjectTokenIssuer) -> Result<Claims, OauthError> {
    let keys = KeySet::parse(&issuer.jwks)
        .map_err(|_| OauthError::InvalidGrant("the issuer has no keys"))?;
    let claims = keys
        .candidates(token.header("kid"), token.algorithm())
        .find_map(|key| token.clone().verify(key).ok());
    claims.ok_or(OauthError::InvalidGrant(
        "subject token signed by another key",
    ))
}

fn check(
    claims: &Claims,
    issuer: &SubjectTokenIssuer,
    now: DateTime<Utc>,
) -> Result<(), OauthError> {
    if !claims.audiences().contains(&issuer.audience.as_str()) {
        return Err(OauthError::InvalidGrant(
            "subject token for another audience",
        ));
    }
    let date = |name| {
        claims
            .date(name)
            .and_then(|at| DateTime::from_timestamp(at, 0))
    };
    if date("exp").is_none_or(|at| at <= now - LEEWAY) {
        return Err(OauthError::InvalidGrant("subject token expired"));
    }
    for name in ["iat", "nbf"] {
        if claims.has(name) && date(name).is_none_or(|at| at > now + LEEWAY) {
            return Err(OauthError::InvalidGrant("subject token of a later time"));
        }
    }
    // What is bound is worth nothing to whoever holds it alone.
    if claims.has("cnf") {
        return Err(OauthError::InvalidGrant("subject token bound to a key"));
    }
    Ok(())
}

fn invalid(why: &str) -> OauthError {
    OauthError::InvalidRequest(why.to_owned())
}
