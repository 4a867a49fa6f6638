//! `GET /v1/webhooks/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::api_token::ApiScope;

use crate::{
    App,
    api::{
        bearer,
        error::ApiError,
        path,
        webhooks::{Shown, WHAT, lookup, respond},
    },
};

/// Read a webhook endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "readWebhook",
    security(("api_token" = ["webhooks:read"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 200, body = Shown), (status = 404, description = "No such webhook"))
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_READ, app.now()).await?;
    let endpoint = lookup(&app, &token, path::id(&request, WHAT)?).await?;
    respond(endpoint)
}
