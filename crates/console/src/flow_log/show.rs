//! `GET /flow-log/{id}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::Flow;

use crate::{
    App,
    error::{PageError, answer, show},
    flow_log::{
        outcome::{self, Tag},
        timeline::{self, Step},
    },
    frame::Frame,
    moment::Moment,
    path,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/flow_log/show.html")]
struct ShowPage<'a> {
    frame: Frame<'a>,
    flow: &'a Flow,
    provider: String,
    tag: Tag,
    steps: Vec<Step>,
    started: Moment,
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
    let id = path::id(request)?;
    let found = app.store.find_flow(session.account(), id).await?;
    let flow = found.ok_or(PageError::NotFound)?;
    let page = ShowPage {
        frame: Frame::new(session, request),
        provider: session.providers.name(&flow.provider),
        tag: outcome::tag(&flow, now),
        steps: timeline::of(&flow, now),
        started: Moment::new(flow.created_at, now),
        flow: &flow,
    };
    show(StatusCode::OK, &page)
}
