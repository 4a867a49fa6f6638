//! `POST /v1/webhooks/{id}/rotate-secret`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    ids::WebhookEndpointId,
    sealed::Place,
    webhook::{self, WebhookSecret},
};
use keyway_store::{FoundApiToken, WebhookRotation};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::ApiError,
        idempotency::{self, IdempotencyKey, Reply},
        path,
        webhooks::{Shown, WHAT, done},
    },
    error::Fault,
};

/// How to rotate a secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the secret before signs too: 0 to 604800, 86400 if absent.
    #[serde(default, deserialize_with = "body::integer")]
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<i64>,
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
        (status = 200, body = Shown, description = "Rotated; the secret is in this answer alone"),
        (status = 404, description = "No such webhook"),
        (status = 422, description = "The overlap is too long"),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let id: WebhookEndpointId = path::id(&request, WHAT)?;
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
    Ok(Reply::ok(&Shown::with_secret(endpoint, &secret))?.of_revision(revision))
}
