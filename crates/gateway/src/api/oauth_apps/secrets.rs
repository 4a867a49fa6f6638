//! `/v1/oauth-apps/{id}/client-secrets`: secrets of Keyway's own for a client backend.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    ids::{ClientSecretId, OauthAppId},
    opaque::{ClientSecret, OpaqueToken as _},
};
use keyway_store::IssuedSecret;
use keyway_vault::digest;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer,
        deleted::Deleted,
        error::{ApiError, ErrorBody},
        oauth_apps::WHAT,
        path,
    },
};

const SECRET: &str = "client secret";

/// A secret of Keyway's own, without the secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub(crate) struct Shown {
    id: Uuid,
    created_at: DateTime<Utc>,
}

impl From<IssuedSecret> for Shown {
    fn from(secret: IssuedSecret) -> Self {
        Self {
            id: secret.id.uuid(),
            created_at: secret.created_at,
        }
    }
}

/// A secret that was made just now.
#[derive(Serialize, ToSchema)]
#[schema(as = NewClientSecret)]
pub(crate) struct Made {
    id: Uuid,
    /// Shown this once.
    client_secret: String,
    created_at: DateTime<Utc>,
}

/// All secrets of an app.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientSecrets)]
pub(crate) struct All {
    data: Vec<Shown>,
}

/// List client secrets.
///
/// Those that Keyway made for the OAuth endpoints. The secrets themselves are never shown again.
#[utoipa::path(
    get, path = "/v1/oauth-apps/{id}/client-secrets", operation_id = "listClientSecrets", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:read"])),
    params(("id" = Uuid, Path, description = "Id of the OAuth app.")),
    responses(
        (status = 200, description = "At most two.", body = All),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_READ, app.now()).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    if app
        .store
        .find_oauth_app(token.account_id, id)
        .await?
        .is_none()
    {
        return Err(ApiError::NotFound(WHAT));
    }
    let found = app.store.list_client_secrets(token.account_id, id).await?;
    let data = found.into_iter().map(Shown::from).collect();
    Ok(HttpResponse::Ok().json(All { data }))
}

/// Make a client secret.
///
/// For your backend at the OAuth endpoints, in place of the provider's. An app has two at most: make
/// the new one, roll it out, then delete the old one.
#[utoipa::path(
    post, path = "/v1/oauth-apps/{id}/client-secrets", operation_id = "createClientSecret", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(("id" = Uuid, Path, description = "Id of the OAuth app.")),
    responses(
        (status = 201, description = "The secret, shown this once.", body = Made),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
        (status = 409, description = "It has two already: delete one first.", body = ErrorBody),
    )
)]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    let account = token.account_id;
    if app.store.find_oauth_app(account, id).await?.is_none() {
        return Err(ApiError::NotFound(WHAT));
    }
    let secret = ClientSecret::generate(app.random.as_ref());
    let made = ClientSecretId::generate(now, app.random.as_ref());
    let digest = digest::unkeyed(&secret);
    let actor = Actor::ApiToken(token.id);
    let inserted = app
        .store
        .insert_client_secret(account, id, made, digest, actor, now)
        .await?;
    if !inserted {
        let why = "This OAuth app has two client secrets already: delete one first.";
        return Err(ApiError::Conflict(why.into()));
    }
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Made {
            id: made.uuid(),
            client_secret: secret.secret().expose().clone(),
            created_at: now,
        }))
}

/// Delete a client secret.
///
/// It stops working at once.
#[utoipa::path(
    delete, path = "/v1/oauth-apps/{id}/client-secrets/{secret_id}", operation_id = "deleteClientSecret", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(
        ("id" = Uuid, Path, description = "Id of the OAuth app."),
        ("secret_id" = Uuid, Path, description = "Id of the client secret."),
    ),
    responses(
        (status = 200, description = "It is gone.", body = Deleted),
        (status = 404, description = "There is no such client secret.", body = ErrorBody),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    let secret: ClientSecretId = path::named(&request, "secret_id", SECRET)?;
    let actor = Actor::ApiToken(token.id);
    let deleted = app
        .store
        .delete_client_secret(token.account_id, id, secret, actor, now)
        .await?;
    if deleted {
        Ok(HttpResponse::Ok().json(Deleted::new(secret)))
    } else {
        Err(ApiError::NotFound(SECRET))
    }
}
