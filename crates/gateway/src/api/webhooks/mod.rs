//! `/v1/webhooks`: where the account hears of its events.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod rotate_secret;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use keyway_domain::{credential::MASK, ids::WebhookEndpointId, webhook::WebhookSecret};
use keyway_store::{EndpointChange, FoundApiToken, WebhookEndpoint};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{error::ApiError, events::EventType, idempotency::Reply},
};

const WHAT: &str = "webhook";

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct Shown {
    id: Uuid,
    /// Where deliveries go.
    url: String,
    /// What it is for.
    description: Option<String>,
    /// The events that it hears of; null: all but `credential.refreshed`.
    #[schema(value_type = Option<Vec<EventType>>)]
    events: Option<Vec<String>>,
    /// What signs the deliveries: shown when it is made, masked afterwards.
    secret: String,
    /// Until when the secret before the last rotation signs too.
    previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Whether it hears of nothing at present.
    disabled: bool,
    /// Since when.
    disabled_at: Option<DateTime<Utc>>,
    /// `by_hand`, or `gone`: it answered 410.
    #[schema(value_type = Option<String>)]
    disabled_reason: Option<&'static str>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Shown {
    fn of(endpoint: WebhookEndpoint) -> Self {
        Self {
            id: endpoint.id.uuid(),
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.events,
            secret: MASK.into(),
            previous_secret_expires_at: endpoint.previous_secret_expires_at,
            disabled: endpoint.disabled.is_some(),
            disabled_at: endpoint.disabled.map(|disabled| disabled.at),
            disabled_reason: endpoint.disabled.map(|disabled| disabled.reason.as_str()),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }

    /// The same, with the secret that was just made.
    fn with_secret(endpoint: WebhookEndpoint, secret: &WebhookSecret) -> Self {
        Self {
            secret: secret.secret().expose().clone(),
            ..Self::of(endpoint)
        }
    }
}

/// An endpoint of the token's account.
async fn lookup(
    app: &App,
    token: &FoundApiToken,
    id: WebhookEndpointId,
) -> Result<WebhookEndpoint, ApiError> {
    let found = app
        .store
        .find_webhook_endpoint(token.account_id, id)
        .await?;
    found.ok_or(ApiError::NotFound(WHAT))
}

fn respond(endpoint: WebhookEndpoint) -> Result<HttpResponse, ApiError> {
    let revision = endpoint.revision;
    let reply = Reply::ok(&Shown::of(endpoint))?;
    Ok(reply.of_revision(revision).respond())
}

fn done(change: EndpointChange) -> Result<WebhookEndpoint, ApiError> {
    match change {
        EndpointChange::Done(endpoint) => Ok(*endpoint),
        EndpointChange::Unknown => Err(ApiError::NotFound(WHAT)),
        EndpointChange::Stale => Err(ApiError::PreconditionFailed),
    }
}
