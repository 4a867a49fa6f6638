//! `GET /flow-log`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::ids::AuthorizationSessionId;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    error::{PageError, answer, show},
    flow_log::outcome::{self, Row},
    frame::Frame,
    paging, path,
    session::Session,
};

#[derive(Debug, Deserialize)]
struct Query {
    reference: Option<String>,
}

#[derive(Template)]
#[template(path = "console/flow_log/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
    /// What was searched for and not found.
    reference: &'a str,
    problem: Option<&'a str>,
    /// This is not the first page.
    later: bool,
    /// Where the next page goes on.
    next: Option<AuthorizationSessionId>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, look(&app, &request, &session).await)
}

async fn look(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let query = web::Query::<Query>::from_query(request.query_string())
        .map_err(|_| PageError::Malformed("query".into()))?;
    let reference = query.reference.as_deref().unwrap_or_default().trim();
    if reference.is_empty() {
        return list(app, request, session, StatusCode::OK, "", None).await;
    }
    let Ok(id) = path::read_id::<AuthorizationSessionId>(reference) else {
        // What a page of ours shows when the fault was ours.
        let names_a_request = reference.len() == 16;
        let problem = if names_a_request {
            "A reference of 16 characters names a line of the gateway’s log (x-request-id), not a flow."
        } else {
            "A reference looks like 01933b0e-5c6f-7d42-9a51-3f0c8e2d7b94."
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return list(app, request, session, status, reference, Some(problem)).await;
    };
    let found = app.store.find_flow(session.account(), id).await?;
    if found.is_some() {
        return Ok(page::see_other(&format!("/flow-log/{id}")));
    }
    let problem = "No flow of this account has that reference. Flows are kept for 30 days.";
    let status = StatusCode::NOT_FOUND;
    list(app, request, session, status, reference, Some(problem)).await
}

async fn list(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    status: StatusCode,
    reference: &str,
    problem: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let before: Option<AuthorizationSessionId> = paging::before(request)?;
    let found = app
        .store
        .list_flows(session.account(), before, paging::ASKED)
        .await?;
    let (found, next) = paging::cut(found, |flow| flow.id);
    let page = ListPage {
        frame: Frame::new(session, request),
        rows: found
            .into_iter()
            .map(|flow| outcome::row(&session.providers, flow, now))
            .collect(),
        reference,
        problem,
        later: before.is_some(),
        next,
    };
    show(status, &page)
}
