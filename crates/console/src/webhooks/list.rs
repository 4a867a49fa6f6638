//! `GET /webhooks`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::{Unfinished, WebhookEndpoint};

use crate::{
    App,
    error::{PageError, answer, show},
    flow_log::outcome::Tag,
    frame::Frame,
    session::Session,
    webhooks::state,
};

/// An account has a handful of endpoints; more than this are not listed here.
const MOST: i64 = 200;

#[derive(Template)]
#[template(path = "console/webhooks/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
}

struct Row {
    endpoint: WebhookEndpoint,
    tag: Tag,
    unfinished: Unfinished,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, list(&app, &request, &session).await)
}

async fn list(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let account = session.account();
    let endpoints = app
        .store
        .list_webhook_endpoints(account, None, MOST)
        .await?;
    let counted = app.store.count_unfinished_deliveries(account).await?;
    let page = ListPage {
        frame: Frame::new(session, request),
        rows: endpoints
            .into_iter()
            .map(|endpoint| Row {
                tag: state::endpoint(&endpoint),
                unfinished: counted.get(&endpoint.id).copied().unwrap_or_default(),
                endpoint,
            })
            .collect(),
    };
    show(StatusCode::OK, &page)
}
