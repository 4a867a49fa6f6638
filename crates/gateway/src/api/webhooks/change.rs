//! `PATCH /v1/webhooks/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, audit::Actor, ids::WebhookEndpointId};
use keyway_store::WebhookEndpointChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::ApiError,
        path,
        problems::Problems,
        revision::{self, IfMatch},
        webhooks::{
            Shown, WHAT,
            create::{description, events, url},
            done, respond,
        },
    },
};

/// What to change of an endpoint; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
#[expect(
    clippy::option_option,
    reason = "absent, null and a value mean three things"
)]
pub(crate) struct Change {
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

/// Change a webhook endpoint, or switch it off and on.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "changeWebhook",
    security(("api_token" = ["webhooks:write"])),
    request_body = Change,
    params(
        ("id" = Uuid, Path, description = "Its id."),
        IfMatch,
    ),
    responses(
        (status = 200, body = Shown),
        (status = 404, description = "No such webhook"),
        (status = 412, description = "It was changed meanwhile"),
        (status = 422, description = "A field is not valid"),
    )
)]
pub(crate) async fn patch(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::WEBHOOKS_WRITE, now).await?;
    let id: WebhookEndpointId = path::id(&request, WHAT)?;
    let read: Change = body::parse(&body::read(&request, payload).await?)?;
    let expected = revision::expected(&request)?;
    let change = check(&app, read).await?;
    let actor = Actor::ApiToken(token.id);
    let changed = app
        .store
        .update_webhook_endpoint(token.account_id, id, expected, &change, actor, now)
        .await?;
    respond(done(changed)?)
}

async fn check(app: &App, read: Change) -> Result<WebhookEndpointChange, ApiError> {
    let mut problems = Problems::default();
    let url = match &read.url {
        Some(text) => problems.take("url", url(app, text).await),
        None => None,
    };
    let description = read.description.map(|text| description(text.as_deref()));
    let description = problems.take("description", description.transpose());
    let events = read.events.map(|names| events(names.as_deref()));
    let events = problems.take("events", events.transpose());
    problems.settle(Some(WebhookEndpointChange {
        url,
        description: description.flatten(),
        events: events.flatten(),
        disabled: read.disabled,
    }))
}
