//! A refresh token for another, and an access token (RFC 6749 section 6).

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{oauth_error::ErrorCode, opaque::RefreshToken, scope::Scopes};
use keyway_store::FamilyEnd;

use crate::{
    App,
    lifecycle::fresh,
    link::parameters::Parameters,
    oauth::{
        answer::{self, Granted, Issued},
        client_auth::Client,
        error::OauthError,
        form,
    },
};

/// Spends a refresh token of the client that proved itself.
///
/// The provider is asked first, and the token is spent last: if the provider is down, the client
/// comes again with the same one.
///
/// # Errors
/// [`OauthError`].
pub(super) async fn refresh(
    app: &web::Data<App>,
    client: &Client,
    form: &Parameters,
    key: Option<String>,
    now: DateTime<Utc>,
) -> Result<HttpResponse, OauthError> {
    let token = form::required(form, "refresh_token")?;
    let token = RefreshToken::parse(token)
        .ok_or(OauthError::InvalidGrant("refresh token is none of ours"))?;
    let digest = app.ring.digest(&token);
    let bound = client.bound_certificate()?;
    let leeway = answer::seconds(client.app.settings.refresh_token_leeway);
    let found = app.store.find_refresh_token(digest, leeway, now).await?;
    let found = found.ok_or(OauthError::InvalidGrant("refresh token unknown"))?;
    if found.oauth_app_id() != client.app.id {
        return Err(OauthError::InvalidGrant("refresh token of another client"));
    }
    if found.is_spent {
        return Err(reused(app, client, &found, now).await?);
    }
    if !found.is_good {
        return Err(OauthError::InvalidGrant("refresh token expired or revoked"));
    }
    if found.dpop_jkt.is_some() && found.dpop_jkt != key {
        return Err(OauthError::InvalidGrant(
            "refresh token bound to another key",
        ));
    }
    let credential = app
        .store
        .find_stored_credential(found.account_id(), found.credential_id())
        .await?
        .ok_or(OauthError::InvalidGrant("the credential is gone"))?;
    narrowed(form, credential.scope.as_deref())?;
    let opened = if answer::is_gateways(client, key.as_deref(), bound) {
        fresh::Opened::of(app, credential)?
    } else {
        fresh::serve(app, credential, false).await?
    };
    // The provider took its time.
    let now = app.now();
    let issued = Issued::new(app, client, now);
    let rotated = app
        .store
        .rotate_refresh_token(
            digest,
            client.app.id,
            key.as_deref(),
            leeway,
            &issued.stored,
            now,
        )
        .await?;
    if !rotated {
        // Somebody was faster, or it ended meanwhile.
        let again = app.store.find_refresh_token(digest, leeway, now).await?;
        return Err(match again {
            Some(found) if found.is_spent => reused(app, client, &found, now).await?,
            _ => OauthError::InvalidGrant("refresh token expired or revoked"),
        });
    }
    let granted = Granted {
        family: found.family_id(),
        opened,
        refresh_token: issued.token,
        openid: found.openid,
        nonce: None,
        key: key.as_deref(),
        certificate: bound,
    };
    answer::respond(app, client, &granted, now).await
}

/// A token that was used before is in two hands: nobody knows whose, so the whole family ends
/// (RFC 9700 section 4.14.2).
async fn reused(
    app: &App,
    client: &Client,
    found: &keyway_store::FoundRefreshToken,
    now: DateTime<Utc>,
) -> Result<OauthError, OauthError> {
    let family = found.family_id();
    let end = FamilyEnd::TokenReused;
    app.store
        .end_refresh_family(family, client.app.id, end, now)
        .await?;
    Ok(OauthError::InvalidGrant("refresh token used before"))
}

/// A refresh may ask for less, and never for more (RFC 6749 section 6). What the provider grants is
/// one, so less is answered with all of it, which the answer says.
pub(super) fn narrowed(form: &Parameters, granted: Option<&str>) -> Result<(), OauthError> {
    let (Some(requested), Some(granted)) = (form.one("scope")?, granted) else {
        return Ok(());
    };
    let invalid = |description: &str| OauthError::Refused {
        code: ErrorCode::InvalidScope,
        description: description.to_owned(),
    };
    let requested = Scopes::parse(requested).map_err(|error| invalid(&error.to_string()))?;
    let known: Vec<&str> = granted.split(' ').collect();
    let is_known = |scope: &String| {
        known.contains(&scope.as_str()) || scope == "openid" || scope == "offline_access"
    };
    if requested.as_slice().iter().all(is_known) {
        Ok(())
    } else {
        Err(invalid(
            "A refresh cannot ask for more scopes than were granted.",
        ))
    }
}
