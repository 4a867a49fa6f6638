//! `DELETE /v1/oauth-apps/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, audit::Actor, ids::OauthAppId};
use keyway_store::Removal;
use utoipa::IntoParams;

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
        revision::{self, IfMatch},
    },
};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `delete` reads it")]
pub(crate) struct Wish {
    /// Delete the credentials that use it too, and revoke them at the provider.
    force: Option<bool>,
}

/// Remove an OAuth app.
///
/// One that no credential uses, or any by force.
#[utoipa::path(
    delete, path = "/v1/oauth-apps/{id}", operation_id = "deleteOauthApp", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(("id" = Uuid, Path, description = "Its id."), Wish, IfMatch),
    responses(
        (status = 200, description = "It is removed. What its credentials were granted is revoked in the background.", body = Deleted),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
        (status = 409, description = "Credentials use it.", body = ErrorBody),
        (status = 412, description = "It was changed since: its revision is not that of `If-Match`.", body = ErrorBody),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    let force = Query::of(&request, &["force"])?.flag("force")?;
    let expected = revision::expected(&request)?;
    let actor = Actor::ApiToken(token.id);
    let removal = app
        .store
        .remove_oauth_app(token.account_id, id, force, expected, actor, now)
        .await?;
    match removal {
        Removal::Removed => Ok(Reply::ok(&Deleted::new(id))?.respond()),
        Removal::Unknown => Err(ApiError::NotFound(WHAT)),
        Removal::Changed => Err(ApiError::PreconditionFailed),
        Removal::InUse(credentials) => Err(ApiError::Conflict(format!(
            "Credentials use it: {credentials}. With ?force=true they are deleted too."
        ))),
    }
}
