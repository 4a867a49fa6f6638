//! `GET /link/oauth2/jwks/{client_id}`: the public keys of an OAuth app.

use actix_web::{HttpResponse, http::header, web};
use keyway_domain::sealed::Place;
use keyway_providers::client::JwkSet;
use utoipa::ToSchema;

use crate::{
    App,
    api::error::{ApiError, ErrorBody},
    error::Fault,
    link::parse_id,
};

/// A set of keys (RFC 7517 section 5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "what the document says; `JwkSet` is what is sent")]
struct KeySet {
    /// Each as RFC 7517 section 4 has it.
    #[schema(value_type = Vec<Object>)]
    keys: (),
}

/// Read an app's public keys.
///
/// For providers where an app proves itself by a private key (`private_key_jwt`): register this
/// address there as `jwks_uri`, or what it answers as `jwks`. Nobody needs to prove anything: the keys
/// are public.
#[utoipa::path(
    get, path = "/link/oauth2/jwks/{client_id}", operation_id = "readPublicKeys", tag = "Flow",
    params(("client_id" = Uuid, Path, description = "The Keyway id of the OAuth app.")),
    responses(
        (status = 200, description = "The keys (RFC 7517).", body = KeySet),
        (status = 404, description = "There is no such app, or its secret is no private key.", body = ErrorBody),
        (status = 500, description = "Our fault.", body = ErrorBody),
        (status = 503, description = "Briefly unavailable.", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let keys = find(&app, &id).await?;
    let keys = keys.ok_or(ApiError::NotFound("key set"))?;
    // A provider that looks again soon after a new key was entered must find it.
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=60"))
        .json(keys))
}

async fn find(app: &App, id: &str) -> Result<Option<JwkSet>, Fault> {
    let Some(id) = parse_id(id) else {
        return Ok(None);
    };
    let Some(found) = app.store.find_oauth_app_of_client(id).await? else {
        return Ok(None);
    };
    let provider = app
        .catalogue
        .find(found.account_id, &found.provider)
        .await?;
    let Some(provider) = provider.filter(|provider| provider.definition.has_keys()) else {
        return Ok(None);
    };
    let place = Place::oauth_app_client_secret(found.id, found.account_id);
    let client_secret = app.ring.open(&place, &found.sealed_client_secret)?;
    let keys = provider.public_keys(&client_secret, &found.variables);
    Ok(keys.unwrap_or_else(|error| {
        tracing::warn!(oauth_app = %found.id, %error, "no public keys");
        None
    }))
}
