//! `GET /v1/webhooks`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, ids::WebhookEndpointId};

use crate::{
    App,
    api::{
        bearer,
        error::ApiError,
        page::{List, Page, Paging, Query},
        webhooks::Shown,
    },
};

/// List webhook endpoints.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    security(("api_token" = ["webhooks:read"])),
    params(Paging),
    responses((status = 200, body = List<Shown>, description = "Oldest first"))
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_READ, app.now()).await?;
    let query = Query::of(&request, &["limit", "cursor"])?;
    let page: Page<WebhookEndpointId> = Page::of(&query)?;
    let endpoints = app
        .store
        .list_webhook_endpoints(token.account_id, page.cursor, page.asked())
        .await?;
    Ok(page
        .cut(endpoints, |endpoint| endpoint.id, Shown::of)
        .respond())
}
