//! `DELETE /v1/oauth-apps/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, audit::Actor, ids::OauthAppId};
use keyway_store::Removal;

use crate::{
    App,
    api::{
        bearer,
        deleted::Deleted,
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        oauth_apps::WHAT,
        page::Query,
        path,
    },
};

/// Remove an OAuth app that no credential uses.
#[utoipa::path(
    delete, path = "/v1/oauth-apps/{id}", operation_id = "deleteOauthApp", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "It is removed.", body = Deleted),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
        (status = 409, description = "Credentials, or flows of the last minute, still use it.", body = ErrorBody),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    Query::of(&request, &[])?;
    let actor = Actor::ApiToken(token.id);
    match app
        .store
        .delete_oauth_app(token.account_id, id, actor, now)
        .await?
    {
        Removal::Removed => Ok(Reply::ok(&Deleted::new(id))?.respond()),
        Removal::Unknown => Err(ApiError::NotFound(WHAT)),
        Removal::InUse => Err(ApiError::Conflict(
            "Credentials, or flows of the last minute, still use it.".into(),
        )),
    }
}
