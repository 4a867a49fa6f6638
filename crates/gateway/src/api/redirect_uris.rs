//! `/v1/redirect-uris`: where flows may end, for all OAuth apps of the account.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope, audit::Actor, ids::RedirectUriId, redirect_uri::RedirectUriTemplate,
};
use keyway_store::{Conflict, FoundApiToken, RegisteredUri, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer, body,
        deleted::Deleted,
        error::{ApiError, ErrorBody},
        idempotency::{self, IdempotencyKey, Reply},
        page::{List, Page, Paging, Query},
        path,
    },
};

/// A redirect URI to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRedirectUri {
    /// https, or http on loopback; `:provider` in path or query stands for the provider's slug.
    #[schema(
        max_length = 2000,
        example = "https://example.com/oauth2/callback/:provider"
    )]
    uri: String,
}

/// A registered redirect URI.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RedirectUri)]
pub(crate) struct Shown {
    id: Uuid,
    uri: String,
    created_at: DateTime<Utc>,
}

impl Shown {
    fn of(registered: &RegisteredUri) -> Self {
        Self {
            id: registered.id.uuid(),
            uri: registered.uri.as_str().to_owned(),
            created_at: registered.created_at,
        }
    }
}

/// Register a redirect URI.
#[utoipa::path(
    post, path = "/v1/redirect-uris", operation_id = "createRedirectUri", tag = "Redirect URIs",
    security(("api_token" = ["redirect_uris:write"])),
    params(IdempotencyKey),
    request_body = NewRedirectUri,
    responses(
        (status = 201, description = "It is registered.", body = Shown),
        (status = 409, description = "A request with this `Idempotency-Key` is still under way.", body = ErrorBody),
        (status = 422, description = "It cannot be registered, or is already.", body = ErrorBody),
    )
)]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::REDIRECT_URIS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    let account = token.account_id;
    idempotency::once(&app, &request, account, &body, now, async || {
        register(&app, &token, &body, now).await
    })
    .await
}

async fn register(
    app: &App,
    token: &FoundApiToken,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let read: NewRedirectUri = body::parse(body)?;
    let uri = RedirectUriTemplate::parse(&read.uri)
        .map_err(|why| ApiError::field("uri", why.to_string()))?;
    let new = RegisteredUri {
        id: RedirectUriId::generate(now, app.random.as_ref()),
        uri,
        created_at: now,
    };
    let actor = Actor::ApiToken(token.id);
    match app
        .store
        .insert_redirect_uri(token.account_id, &new, actor)
        .await
    {
        Ok(()) => Reply::created(&Shown::of(&new)),
        Err(StoreError::Conflict(Conflict::Exists)) => {
            Err(ApiError::field("uri", "it is registered already"))
        }
        Err(error) => Err(error.into()),
    }
}

/// List the redirect URIs.
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/redirect-uris", operation_id = "listRedirectUris", tag = "Redirect URIs",
    security(("api_token" = ["redirect_uris:read"])),
    params(Paging),
    responses((status = 200, description = "A page.", body = List<Shown>))
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::REDIRECT_URIS_READ, app.now()).await?;
    let page: Page<RedirectUriId> = Page::of(&Query::of(&request, &["limit", "cursor"])?)?;
    let rows = app
        .store
        .page_of_redirect_uris(token.account_id, page.cursor, page.asked())
        .await?;
    let list = page.cut(rows, |row| row.id, |row| Shown::of(&row));
    Ok(list.respond())
}

/// Remove a redirect URI.
///
/// Flows that are under way still end there.
#[utoipa::path(
    delete, path = "/v1/redirect-uris/{id}", operation_id = "deleteRedirectUri", tag = "Redirect URIs",
    security(("api_token" = ["redirect_uris:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "It is removed.", body = Deleted),
        (status = 404, description = "There is no such redirect URI.", body = ErrorBody),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    const WHAT: &str = "redirect URI";
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::REDIRECT_URIS_WRITE, now).await?;
    let id: RedirectUriId = path::id(&request, WHAT)?;
    let actor = Actor::ApiToken(token.id);
    let removed = app
        .store
        .delete_redirect_uri(token.account_id, id, actor, now)
        .await?;
    if removed {
        Ok(Reply::ok(&Deleted::new(id))?.respond())
    } else {
        Err(ApiError::NotFound(WHAT))
    }
}
