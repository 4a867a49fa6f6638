//! `POST /oauth/revoke` (RFC 7009).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::TimeDelta;
use keyway_domain::{ids::RefreshFamilyId, opaque::RefreshToken};
use keyway_store::FamilyEnd;

use crate::{
    App,
    oauth::{
        access_token,
        client_auth::{self, Client},
        error::OauthError,
        form,
    },
};

/// End what Keyway granted to the client: the refresh token with all that came of it and of those
/// before it, and the access tokens of Keyway's own. The credential stays in the vault.
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match revoke(&app, &request, payload).await {
        Ok(()) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish(),
        Err(error) => error.respond(),
    }
}

async fn revoke(app: &App, request: &HttpRequest, payload: web::Payload) -> Result<(), OauthError> {
    let now = app.now();
    let form = form::read(request, payload).await?;
    let endpoint = app.public_url.join("/oauth/revoke");
    let client = client_auth::authenticate(app, request, &form, &endpoint, now).await?;
    let token = form::required(&form, "token")?;
    // Another's token, and one that nobody knows, is answered like one that has ended.
    if let Some(family) = family(app, &client, token).await? {
        app.store
            .end_refresh_family(family, client.app.id, FamilyEnd::Revoked, now)
            .await?;
    }
    Ok(())
}

async fn family(
    app: &App,
    client: &Client,
    token: &str,
) -> Result<Option<RefreshFamilyId>, OauthError> {
    let now = app.now();
    if let Some(token) = RefreshToken::parse(token) {
        let digest = app.ring.digest(&token);
        let found = app.store.find_refresh_token(digest, TimeDelta::zero(), now);
        let found = found.await?;
        let own = found.filter(|found| found.oauth_app_id() == client.app.id);
        return Ok(own.map(|found| found.family_id()));
    }
    let keys = app.signing_keys.current(app, now).await?;
    let verified = access_token::verify(app, &keys, token, now).ok();
    let own = verified.filter(|token| token.client == client.app.id);
    Ok(own.map(|token| token.family))
}
