//! `/v1/webhooks/{id}/deliveries`: what became of each event.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    ids::{WebhookDeliveryId, WebhookEndpointId},
};
use keyway_store::{DeliveryState, Retried, WebhookDelivery};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer, body,
        error::ApiError,
        events::EventType,
        idempotency::{self, IdempotencyKey, Reply},
        page::{List, Page, Query},
        path, webhooks,
    },
};

const WHAT: &str = "delivery";

/// How far a delivery is.
#[derive(ToSchema)]
#[schema(as = WebhookDeliveryState, rename_all = "snake_case")]
#[expect(dead_code, reason = "what the document says")]
pub(crate) enum State {
    Pending,
    Delivered,
    Dead,
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct Delivery {
    id: Uuid,
    /// The event: `webhook-id` of the request, and an id at `/v1/events`.
    event_id: Uuid,
    #[schema(value_type = EventType)]
    event_type: String,
    /// `pending`, `delivered`, or `dead`: given up.
    #[schema(value_type = State)]
    state: &'static str,
    /// Attempts so far.
    attempts: u32,
    /// When it is tried next; null unless it is pending.
    next_attempt_at: Option<DateTime<Utc>>,
    last_attempt_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer.
    last_status: Option<u16>,
    /// Why the last attempt failed.
    last_error: Option<String>,
    delivered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<WebhookDelivery> for Delivery {
    fn from(delivery: WebhookDelivery) -> Self {
        let pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.uuid(),
            event_id: delivery.event_id.uuid(),
            event_type: delivery.kind,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: pending.then_some(delivery.next_attempt_at),
            last_attempt_at: delivery.last_attempt_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            delivered_at: delivery.delivered_at,
            created_at: delivery.created_at,
        }
    }
}

/// What became of each event on its way to an endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks",
    operation_id = "listWebhookDeliveries",
    security(("api_token" = ["webhooks:read"])),
    params(
        ("id" = Uuid, Path, description = "Its id."),
        ("state" = inline(Option<State>), Query, description = "Those in this state alone"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many to list; 50 if absent"),
        ("cursor" = Option<i64>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, body = List<Delivery>, description = "Newest event first"),
        (status = 404, description = "No such webhook"),
    )
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_READ, app.now()).await?;
    let query = Query::of(&request, &["state", "limit", "cursor"])?;
    let page: Page<i64> = Page::of(&query)?;
    let state = query.one("state")?.map(read_state).transpose()?;
    let endpoint = webhooks::lookup(&app, &token, path::id(&request, webhooks::WHAT)?).await?;
    let deliveries = app
        .store
        .list_webhook_deliveries(
            token.account_id,
            endpoint.id,
            state,
            page.cursor,
            page.asked(),
        )
        .await?;
    Ok(page
        .cut(deliveries, |delivery| delivery.position, Delivery::from)
        .respond())
}

fn read_state(text: &str) -> Result<DeliveryState, ApiError> {
    DeliveryState::parse(text)
        .ok_or_else(|| ApiError::Malformed("state is pending, delivered or dead.".into()))
}

/// Send a pending or dead delivery now.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{delivery_id}/retry", tag = "Webhooks",
    operation_id = "retryWebhookDelivery",
    security(("api_token" = ["webhooks:write"])),
    params(
        ("id" = Uuid, Path, description = "Of the endpoint."), ("delivery_id" = Uuid, Path, description = "Of the delivery."),
        IdempotencyKey,
    ),
    responses(
        (status = 200, body = Delivery, description = "It goes out as soon as its turn comes"),
        (status = 404, description = "No such webhook or delivery"),
        (status = 409, description = "The endpoint has it already, or is disabled"),
    )
)]
pub(crate) async fn retry(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let endpoint: WebhookEndpointId = path::id(&request, webhooks::WHAT)?;
    let id: WebhookDeliveryId = path::named(&request, "delivery_id", WHAT)?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        let retried = app
            .store
            .retry_webhook_delivery(
                token.account_id,
                endpoint,
                id,
                Actor::ApiToken(token.id),
                now,
            )
            .await?;
        match retried {
            Retried::Pending(delivery) => Reply::ok(&Delivery::from(*delivery)),
            Retried::Unknown => Err(ApiError::NotFound(WHAT)),
            Retried::Delivered => Err(ApiError::Conflict("The endpoint has it already.".into())),
            Retried::Disabled => Err(ApiError::Conflict(
                "The endpoint is disabled: enable it first.".into(),
            )),
        }
    })
    .await
}
