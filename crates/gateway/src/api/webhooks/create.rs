//! `POST /v1/webhooks`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    event::EventKind,
    ids::WebhookEndpointId,
    sealed::Place,
    webhook::{self, WebhookSecret, WebhookUrl},
};
use keyway_store::{FoundApiToken, NewWebhookEndpoint};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::ApiError,
        events::EventType,
        idempotency::{self, IdempotencyKey, Reply},
        problems::Problems,
        webhooks::Shown,
    },
    error::Fault,
};

/// An endpoint to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// https, or http on loopback; at most 2,000 characters.
    url: String,
    /// At most 200 characters.
    description: Option<String>,
    /// The events to hear of; null or absent: all but `credential.refreshed`.
    #[schema(value_type = Option<Vec<EventType>>)]
    events: Option<Vec<String>>,
}

/// Register a webhook endpoint.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "createWebhook",
    security(("api_token" = ["webhooks:write"])),
    request_body = NewWebhook,
    params(IdempotencyKey),
    responses(
        (status = 201, body = Shown, description = "Made; the secret is in this answer alone"),
        (status = 422, description = "A field is not valid"),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        register(&app, &token, body::parse(&body)?, now).await
    })
    .await
}

async fn register(
    app: &App,
    token: &FoundApiToken,
    read: NewWebhook,
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let checked = check(app, read).await?;
    let id = WebhookEndpointId::generate(now, app.random.as_ref());
    let secret = WebhookSecret::generate(app.random.as_ref());
    let place = Place::webhook_secret(id, token.account_id);
    let new = NewWebhookEndpoint {
        id,
        account_id: token.account_id,
        url: checked.url,
        description: checked.description,
        events: checked.events,
        sealed_secret: app.seal(&place, secret.secret()).map_err(Fault::from)?,
        created_at: now,
    };
    let actor = Actor::ApiToken(token.id);
    let endpoint = app.store.insert_webhook_endpoint(&new, actor).await?;
    let revision = endpoint.revision;
    Ok(Reply::created(&Shown::with_secret(endpoint, &secret))?.of_revision(revision))
}

struct Checked {
    url: WebhookUrl,
    description: Option<String>,
    events: Option<Vec<EventKind>>,
}

async fn check(app: &App, read: NewWebhook) -> Result<Checked, ApiError> {
    let mut problems = Problems::default();
    let url = problems.take("url", url(app, &read.url).await);
    let description = description(read.description.as_deref());
    let description = problems.take("description", description);
    let events = problems.take("events", events(read.events.as_deref()));
    let made = (url, description, events);
    problems.settle(match made {
        (Some(url), Some(description), Some(events)) => Some(Checked {
            url,
            description,
            events,
        }),
        _ => None,
    })
}

/// An address that deliveries may go to.
pub(super) async fn url(app: &App, text: &str) -> Result<WebhookUrl, String> {
    let url = WebhookUrl::parse(text).map_err(|why| why.to_string())?;
    app.http.check_webhook_url(&url).await?;
    Ok(url)
}

/// What an endpoint is for, if anything is said.
pub(super) fn description(text: Option<&str>) -> Result<Option<String>, &'static str> {
    text.map_or(Ok(None), webhook::description)
}

/// The events that are named; none: all but `credential.refreshed`.
pub(super) fn events(names: Option<&[String]>) -> Result<Option<Vec<EventKind>>, String> {
    let kinds = names.map(|names| webhook::events(names.iter().map(String::as_str)));
    kinds.transpose().map_err(|why| why.to_string())
}
