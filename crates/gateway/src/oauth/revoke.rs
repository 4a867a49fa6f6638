//! `POST /oauth/revoke` (RFC 7009).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::TimeDelta;
use keyway_domain::{ids::RefreshFamilyId, opaque::RefreshToken};
use keyway_store::FamilyEnd;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    oauth::{
        access_token,
        client_auth::{self, Client},
        error::{OauthError, OauthProblem},
        form,
    },
};

/// A token, and the client's proof.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "what the document says; `revoke` and `introspect` read it"
)]
pub(crate) struct OwnToken {
    /// The Keyway id of the OAuth app; may be left out beside `Authorization: Basic`.
    client_id: Option<Uuid>,
    /// The provider's client secret of the app, or one of `/v1/oauth-apps/{id}/client-secrets`.
    client_secret: Option<String>,
    /// `private_key_jwt` (RFC 7523).
    client_assertion: Option<String>,
    /// That of RFC 7523.
    client_assertion_type: Option<String>,
    /// A refresh token, or an access token of Keyway's own.
    token: String,
    /// Not needed, and not looked at.
    token_type_hint: Option<String>,
}

/// Revoke a token.
///
/// RFC 7009. It ends with all that came of the same code: refresh tokens, and access tokens of Keyway's
/// own. The credential stays in the vault. A token that is unknown, or another's, is answered alike.
#[utoipa::path(
    post, path = "/oauth/revoke", operation_id = "revokeToken", tag = "OAuth",
    request_body(content = OwnToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is not good any more."),
        (status = 400, description = "`invalid_request`: malformed, missing or repeated.", body = OauthProblem),
        (status = 401, description = "`invalid_client`: the client is unknown, or its proof is missing or wrong.", body = OauthProblem),
        (status = 413, description = "`invalid_request`: the body is larger than 64 kB.", body = OauthProblem),
        (status = 429, description = "`slow_down`: too many wrong proofs.", body = OauthProblem, headers(("Retry-After" = u64, description = "Seconds to wait."))),
        (status = 500, description = "`server_error`: our fault.", body = OauthProblem),
        (status = 503, description = "`temporarily_unavailable`: try again in a moment.", body = OauthProblem),
    )
)]
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
