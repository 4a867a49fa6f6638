//! `GET /api-tokens`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Utc};
use keyway_store::IssuedApiToken;

use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/api_tokens/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
}

struct Row {
    token: IssuedApiToken,
    made: Moment,
    ends: Option<Moment>,
    has_ended: bool,
    used: Option<Moment>,
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
    let now = app.now();
    let tokens = app.store.list_api_tokens(session.account()).await?;
    let page = ListPage {
        frame: Frame::new(session, request),
        rows: tokens.into_iter().map(|token| row(token, now)).collect(),
    };
    show(StatusCode::OK, &page)
}

fn row(token: IssuedApiToken, now: DateTime<Utc>) -> Row {
    let moment = |at| Moment::new(at, now);
    Row {
        made: moment(token.created_at),
        ends: token.expires_at.map(moment),
        has_ended: token.expires_at.is_some_and(|at| at <= now),
        used: token.last_used_at.map(moment),
        token,
    }
}
