//! `/v1/webhooks`: where the account hears of its events.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    credential::MASK,
    event::EventKind,
    ids::WebhookEndpointId,
    sealed::Place,
    webhook::{self, WebhookSecret, WebhookUrl},
};
use keyway_store::{
    EndpointChange, FoundApiToken, NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointChange,
    WebhookRotation,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer, body,
        deleted::Deleted,
        error::ApiError,
        events::EventType,
        idempotency::{self, IdempotencyKey, Reply},
        page::{List, Page, Paging, Query},
        revision::{self, IfMatch},
    },
    error::Fault,
};

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
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

/// What to change of an endpoint; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "absent, null and a value mean three things"
)]
pub(crate) struct WebhookChange {
    url: Option<String>,
    #[serde(default, deserialize_with = "body::nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "body::nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Option<Vec<String>>>,
    /// True: it hears of nothing, and what waits for it goes on waiting.
    disabled: Option<bool>,
}

/// How to rotate a secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the secret before signs too: 0 to 604800, 86400 if absent.
    #[serde(default, deserialize_with = "body::integer")]
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<i64>,
}

impl Webhook {
    fn masked(endpoint: WebhookEndpoint) -> Self {
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
            ..Self::masked(endpoint)
        }
    }
}

/// List webhook endpoints.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    security(("api_token" = ["webhooks:read"])),
    params( Paging     ),
    responses((status = 200, body = List<Webhook>, description = "Oldest first"))
)]
pub(crate) async fn list(
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
        .cut(endpoints, |endpoint| endpoint.id, Webhook::masked)
        .respond())
}

/// Register a webhook endpoint.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "createWebhook",
    security(("api_token" = ["webhooks:write"])),
    request_body = NewWebhook,
    params(IdempotencyKey),
    responses(
        (status = 201, body = Webhook, description = "Made; the secret is in this answer alone"),
        (status = 422, description = "A field is not valid"),
    )
)]
pub(crate) async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        make(&app, &token, body::parse(&body)?, now).await
    })
    .await
}

async fn make(
    app: &App,
    token: &FoundApiToken,
    read: NewWebhook,
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let mut wrong = Wrong::default();
    let url = wrong.url(app, &read.url).await;
    let description = wrong.description(read.description.as_deref());
    let events = wrong.events(read.events.as_deref());
    wrong.refuse()?;
    let url = url.ok_or(Fault::Unreadable("checked URL"))?;
    let id = WebhookEndpointId::generate(now, app.random.as_ref());
    let secret = WebhookSecret::generate(app.random.as_ref());
    let place = Place::webhook_secret(id, token.account_id);
    let new = NewWebhookEndpoint {
        id,
        account_id: token.account_id,
        url,
        description,
        events,
        sealed_secret: app.seal(&place, secret.secret()).map_err(Fault::from)?,
        created_at: now,
    };
    let actor = Actor::ApiToken(token.id);
    let endpoint = app.store.insert_webhook_endpoint(&new, actor).await?;
    let revision = endpoint.revision;
    Ok(Reply::created(&Webhook::with_secret(endpoint, &secret))?.of_revision(revision))
}

/// One webhook endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "findWebhook",
    security(("api_token" = ["webhooks:read"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 200, body = Webhook), (status = 404, description = "No such webhook"))
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_READ, app.now()).await?;
    let endpoint = find(&app, &token, endpoint_id(&request)?).await?;
    respond(endpoint)
}

/// Change a webhook endpoint, or switch it off and on.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "changeWebhook",
    security(("api_token" = ["webhooks:write"])),
    request_body = WebhookChange,
    params(
        ("id" = Uuid, Path, description = "Its id."),
        IfMatch,
    ),
    responses(
        (status = 200, body = Webhook),
        (status = 404, description = "No such webhook"),
        (status = 412, description = "It was changed meanwhile"),
        (status = 422, description = "A field is not valid"),
    )
)]
pub(crate) async fn update(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let id = endpoint_id(&request)?;
    let read: WebhookChange = body::parse(&body::read(&request, payload).await?)?;
    let expected = revision::expected(&request)?;
    let change = change(&app, read).await?;
    let actor = Actor::ApiToken(token.id);
    let changed = app
        .store
        .update_webhook_endpoint(token.account_id, id, expected, &change, actor, now)
        .await?;
    respond(done(changed)?)
}

async fn change(app: &App, read: WebhookChange) -> Result<WebhookEndpointChange, ApiError> {
    let mut wrong = Wrong::default();
    let url = match &read.url {
        Some(url) => wrong.url(app, url).await,
        None => None,
    };
    let description = read
        .description
        .map(|text| wrong.description(text.as_deref()));
    let events = read.events.map(|names| wrong.events(names.as_deref()));
    wrong.refuse()?;
    Ok(WebhookEndpointChange {
        url,
        description,
        events,
        disabled: read.disabled,
    })
}

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
    let id = endpoint_id(&request)?;
    let expected = revision::expected(&request)?;
    let actor = Actor::ApiToken(token.id);
    let removed = app
        .store
        .delete_webhook_endpoint(token.account_id, id, expected, actor, now)
        .await?;
    let endpoint = done(removed)?;
    Ok(Reply::ok(&Deleted::new(endpoint.id))?.respond())
}

/// Give a webhook endpoint another secret.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate-secret", tag = "Webhooks",
    operation_id = "rotateWebhookSecret",
    security(("api_token" = ["webhooks:write"])), request_body = Option<RotateSecret>,
    params(
        ("id" = Uuid, Path, description = "Its id."),
        IdempotencyKey,
    ),
    responses(
        (status = 200, body = Webhook, description = "Rotated; the secret is in this answer alone"),
        (status = 404, description = "No such webhook"),
        (status = 422, description = "The overlap is too long"),
    )
)]
pub(crate) async fn rotate_secret(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let id = endpoint_id(&request)?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        let read = body::parse_or_default(&body)?;
        rotate(&app, &token, id, &read, now).await
    })
    .await
}

async fn rotate(
    app: &App,
    token: &FoundApiToken,
    id: WebhookEndpointId,
    read: &RotateSecret,
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let overlap = webhook::overlap(read.overlap_seconds)
        .map_err(|why| ApiError::field("overlap_seconds", why))?;
    let secret = WebhookSecret::generate(app.random.as_ref());
    let place = Place::webhook_secret(id, token.account_id);
    let rotation = WebhookRotation {
        sealed_secret: app.seal(&place, secret.secret()).map_err(Fault::from)?,
        overlap,
    };
    let actor = Actor::ApiToken(token.id);
    let rotated = app
        .store
        .rotate_webhook_secret(token.account_id, id, &rotation, actor, now)
        .await?;
    let endpoint = done(rotated)?;
    let revision = endpoint.revision;
    Ok(Reply::ok(&Webhook::with_secret(endpoint, &secret))?.of_revision(revision))
}

/// The id in the path. What is none names nothing.
pub(super) fn endpoint_id(request: &HttpRequest) -> Result<WebhookEndpointId, ApiError> {
    let id = request.match_info().query("id");
    id.parse().map_err(|_| ApiError::NotFound("webhook"))
}

/// An endpoint of the token's account.
pub(super) async fn find(
    app: &App,
    token: &FoundApiToken,
    id: WebhookEndpointId,
) -> Result<WebhookEndpoint, ApiError> {
    let found = app
        .store
        .find_webhook_endpoint(token.account_id, id)
        .await?;
    found.ok_or(ApiError::NotFound("webhook"))
}

fn respond(endpoint: WebhookEndpoint) -> Result<HttpResponse, ApiError> {
    let revision = endpoint.revision;
    let reply = Reply::ok(&Webhook::masked(endpoint))?;
    Ok(reply.of_revision(revision).respond())
}

fn done(change: EndpointChange) -> Result<WebhookEndpoint, ApiError> {
    match change {
        EndpointChange::Done(endpoint) => Ok(*endpoint),
        EndpointChange::Unknown => Err(ApiError::NotFound("webhook")),
        EndpointChange::Stale => Err(ApiError::PreconditionFailed),
    }
}

/// What is wrong with the fields of a request, all of it at once.
#[derive(Debug, Default)]
struct Wrong(BTreeMap<String, Vec<String>>);

impl Wrong {
    async fn url(&mut self, app: &App, text: &str) -> Option<WebhookUrl> {
        let url = self.keep(
            "url",
            WebhookUrl::parse(text).map_err(|why| why.to_string()),
        )?;
        let reachable = app.http.check_webhook_url(&url).await;
        self.keep("url", reachable).map(|()| url)
    }

    fn description(&mut self, text: Option<&str>) -> Option<String> {
        let read = text.map_or(Ok(None), webhook::description);
        self.keep("description", read.map_err(str::to_owned))?
    }

    fn events(&mut self, names: Option<&[String]>) -> Option<Vec<EventKind>> {
        let names = names?.iter().map(String::as_str);
        self.keep(
            "events",
            webhook::events(names).map_err(|why| why.to_string()),
        )
    }

    fn keep<T>(&mut self, field: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|why| self.0.entry(field.to_owned()).or_default().push(why))
            .ok()
    }

    fn refuse(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(self.0))
        }
    }
}
