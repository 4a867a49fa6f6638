//! `GET` and `POST /userinfo`: what is known of the connected account (OpenID Connect Core section 5.3).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    oauth::resource::{self, Denied, Scheme},
};

/// What is known of a connected account.
#[derive(Serialize, ToSchema)]
struct UserInfo<'a> {
    /// The credential.
    sub: Uuid,
    /// Slug of the provider.
    provider: &'a str,
    /// Shape of the credential's properties.
    kind: &'a str,
    /// What the provider knows the account by.
    external_id: &'a str,
}

/// Read whose a token is.
///
/// OpenID Connect Core section 5.3, with an access token of Keyway's own.
#[utoipa::path(
    get, path = "/userinfo", operation_id = "readUserInfo", tag = "OAuth",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "What is known of the account.", body = UserInfo),
        (status = 401, description = "The access token is none, or not good any more.", body = Object),
        (status = 500, description = "Our fault.", body = Object),
        (status = 503, description = "Try again in a moment.", body = Object),
    )
)]
pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match claims(&app, &request).await {
        Ok(response) => response,
        Err(denied) => denied.respond(),
    }
}

/// Read whose a token is, by POST.
///
/// The same, for libraries that ask so.
#[utoipa::path(
    post, path = "/userinfo", operation_id = "readUserInfoByPost", tag = "OAuth",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "What is known of the account.", body = UserInfo),
        (status = 401, description = "The access token is none, or not good any more.", body = Object),
        (status = 500, description = "Our fault.", body = Object),
        (status = 503, description = "Try again in a moment.", body = Object),
    )
)]
pub(crate) async fn post(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    get(app, request).await
}

async fn claims(app: &App, request: &HttpRequest) -> Result<HttpResponse, Denied> {
    let token = resource::presented(request).ok_or(Denied::Token {
        scheme: Scheme::Bearer,
        detail: "access token missing, or none of ours",
    })?;
    let credential = resource::credential(app, request, token, app.now()).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(UserInfo {
            sub: credential.id.uuid(),
            provider: credential.provider.as_str(),
            kind: &credential.kind.0,
            external_id: &credential.external_id,
        }))
}
