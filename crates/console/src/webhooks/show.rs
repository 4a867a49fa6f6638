//! `GET /webhooks/{id}`: an endpoint and its deliveries.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::{DeliveryState, WebhookEndpoint};
use serde::Deserialize;

use crate::{
    App,
    error::{PageError, answer, show},
    flow_log::outcome::Tag,
    frame::Frame,
    moment::Moment,
    paging,
    session::Session,
    webhooks::{
        find,
        state::{self, Row},
    },
};

#[derive(Debug, Deserialize)]
struct Query {
    state: Option<String>,
}

#[derive(Template)]
#[template(path = "console/webhooks/show.html")]
struct ShowPage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
    tag: Tag,
    created: Moment,
    updated: Moment,
    /// Until when the secret before the last rotation signs too.
    overlap: Option<Moment>,
    rows: Vec<Row>,
    filters: Vec<Filter>,
    /// The state that is shown, empty for all.
    state: &'static str,
    later: bool,
    next: Option<i64>,
}

/// A choice of what to list.
struct Filter {
    label: &'static str,
    /// The value of `?state=`, empty for all.
    state: &'static str,
    current: bool,
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
    let now = app.now();
    let found = find(app, session, request).await?;
    let state = asked(request)?;
    let before: Option<i64> = paging::before(request)?;
    let listed = app
        .store
        .list_webhook_deliveries(session.account(), found.id, state, before, paging::ASKED)
        .await?;
    let (listed, next) = paging::cut(listed, |delivery| delivery.position);
    let page = ShowPage {
        frame: Frame::new(session, request),
        tag: state::endpoint(&found),
        created: Moment::new(found.created_at, now),
        updated: Moment::new(found.updated_at, now),
        overlap: found
            .previous_secret_expires_at
            .filter(|at| *at > now)
            .map(|at| Moment::new(at, now)),
        endpoint: &found,
        rows: listed
            .into_iter()
            .map(|delivery| state::row(delivery, now))
            .collect(),
        filters: filters(state),
        state: state.map_or("", DeliveryState::as_str),
        later: before.is_some(),
        next,
    };
    show(StatusCode::OK, &page)
}

fn asked(request: &HttpRequest) -> Result<Option<DeliveryState>, PageError> {
    let malformed = || PageError::Malformed("query".into());
    let query = web::Query::<Query>::from_query(request.query_string()).map_err(|_| malformed())?;
    match query.state.as_deref() {
        None | Some("") => Ok(None),
        Some(word) => DeliveryState::parse(word).map(Some).ok_or_else(malformed),
    }
}

fn filters(current: Option<DeliveryState>) -> Vec<Filter> {
    let choices = [
        ("All", None),
        ("Pending", Some(DeliveryState::Pending)),
        ("Given up", Some(DeliveryState::Dead)),
        ("Delivered", Some(DeliveryState::Delivered)),
    ];
    choices
        .into_iter()
        .map(|(label, state)| Filter {
            label,
            state: state.map_or("", DeliveryState::as_str),
            current: state == current,
        })
        .collect()
}
