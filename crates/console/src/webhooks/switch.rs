//! `/webhooks/{id}/disable` and `/webhooks/{id}/enable`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_store::WebhookEndpointChange;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer},
    path,
    session::Session,
    webhooks::done,
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

pub(crate) async fn disable(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(
        &request,
        switch(&app, &request, &submitted.session, true).await,
    )
}

pub(crate) async fn enable(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(
        &request,
        switch(&app, &request, &submitted.session, false).await,
    )
}

async fn switch(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    disabled: bool,
) -> Result<HttpResponse, PageError> {
    let id = path::id(request)?;
    let change = WebhookEndpointChange {
        disabled: Some(disabled),
        ..WebhookEndpointChange::default()
    };
    let changed = app
        .store
        .update_webhook_endpoint(
            session.account(),
            id,
            None,
            &change,
            session.actor(),
            app.now(),
        )
        .await?;
    let endpoint = done(changed)?;
    let word = if disabled {
        "webhook-disabled"
    } else {
        "webhook-enabled"
    };
    Ok(page::see_other(&format!(
        "/webhooks/{}?done={word}",
        endpoint.id
    )))
}
