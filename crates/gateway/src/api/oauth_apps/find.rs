//! `GET /v1/oauth-apps/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, ids::OauthAppId};

use crate::{
    App,
    api::{
        bearer,
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        oauth_apps::{Shown, WHAT},
        path,
    },
};

/// Read an OAuth app.
#[utoipa::path(
    get, path = "/v1/oauth-apps/{id}", operation_id = "readOauthApp", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:read"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The OAuth app.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_READ, app.now()).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    let found = app.store.find_oauth_app(token.account_id, id).await?;
    let found = found.ok_or(ApiError::NotFound(WHAT))?;
    Ok(Reply::ok(&Shown::of(&found))?
        .of_revision(found.revision)
        .respond())
}
