//! `/webhooks/{id}/deliveries/{delivery}`: what was sent, what came of it, and again by hand.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::ids::WebhookDeliveryId;
use keyway_store::{Event, Retried, WebhookEndpoint};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    path,
    session::Session,
    webhooks::{
        find,
        state::{self, Row},
    },
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/webhooks/delivery.html")]
struct DeliveryPage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
    event: &'a Event,
    row: Row,
    /// The body of the request, laid out for people.
    payload: String,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, detail(&app, &request, &session).await)
}

async fn detail(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let endpoint = find(app, session, request).await?;
    let id = delivery_id(request)?;
    let found = app
        .store
        .find_webhook_delivery(session.account(), endpoint.id, id)
        .await?;
    let (delivery, event) = found.ok_or(PageError::NotFound)?;
    let page = DeliveryPage {
        frame: Frame::new(session, request),
        endpoint: &endpoint,
        payload: serde_json::to_string_pretty(&event.payload()).unwrap_or_default(),
        event: &event,
        row: state::row(delivery, app.now()),
    };
    show(StatusCode::OK, &page)
}

pub(crate) async fn retry(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, again(&app, &request, &submitted.session).await)
}

async fn again(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let endpoint = path::id(request)?;
    let id = delivery_id(request)?;
    let retried = app
        .store
        .retry_webhook_delivery(session.account(), endpoint, id, session.actor(), app.now())
        .await?;
    let word = match retried {
        Retried::Pending(_) => "delivery-retried",
        Retried::Delivered => "delivery-arrived",
        Retried::Disabled => "delivery-disabled",
        Retried::Unknown => return Err(PageError::NotFound),
    };
    Ok(page::see_other(&format!(
        "/webhooks/{endpoint}/deliveries/{id}?done={word}"
    )))
}

fn delivery_id(request: &HttpRequest) -> Result<WebhookDeliveryId, PageError> {
    path::read_id(request.match_info().query("delivery"))
}
