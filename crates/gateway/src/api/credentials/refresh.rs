//! `POST /v1/credentials/{id}/refresh`: now, whatever the state of the token.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use keyway_domain::api_token::ApiScope;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        credentials::{
            Health,
            token::{find, moment},
        },
        error::ErrorBody,
        unserved::{NoToken, RefreshError},
    },
    lifecycle::fresh,
};

/// How a credential is after a refresh.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialState {
    id: Uuid,
    health: Health,
    /// When the access token ends, if it does and anybody knows.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Refresh a credential.
///
/// Even if its token is fresh, and even if the provider failed a moment ago.
#[utoipa::path(
    post, path = "/v1/credentials/{id}/refresh", operation_id = "refreshCredential", tag = "Credentials",
    security(("api_token" = ["credentials:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "It has new tokens.", body = CredentialState),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
        (status = 409, description = "The end user must reconnect; or there is nothing to refresh with.", body = NoToken),
        (status = 502, description = "The provider failed, for now. `Retry-After` says when it is asked again.", body = NoToken),
        (status = 504, description = "The provider did not answer in time.", body = NoToken),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_WRITE, now).await?;
    let renewed = fresh::insist(&app, credential).await?;
    let credential = &renewed.credential;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CredentialState {
            id: credential.id.uuid(),
            health: Health::of(credential.health.clone()),
            expires_at: moment(credential.expires_at),
        }))
}
