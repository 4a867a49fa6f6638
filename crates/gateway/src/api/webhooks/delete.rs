//! `DELETE /v1/webhooks/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, audit::Actor, ids::WebhookEndpointId};

use crate::{
    App,
    api::{
        bearer,
        deleted::Deleted,
        error::ApiError,
        idempotency::Reply,
        path,
        revision::{self, IfMatch},
        webhooks::{WHAT, done},
    },
};

/// Remove a webhook endpoint, with its deliveries.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "deleteWebhook",
    security(("api_token" = ["webhooks:write"])),
    params(
        ("id" = Uuid, Path, description = "Its id."),
        IfMatch,
    ),
    responses(
        (status = 200, body = Deleted, description = "Removed, with its deliveries"),
        (status = 404, description = "No such webhook"),
        (status = 412, description = "It was changed meanwhile"),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let id: WebhookEndpointId = path::id(&request, WHAT)?;
    let expected = revision::expected(&request)?;
    let actor = Actor::ApiToken(token.id);
    let removed = app
        .store
        .delete_webhook_endpoint(token.account_id, id, expected, actor, now)
        .await?;
    let endpoint = done(removed)?;
    Ok(Reply::ok(&Deleted::new(endpoint.id))?.respond())
}
