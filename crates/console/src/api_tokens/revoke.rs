//! `/api-tokens/{id}/revoke`: asks first.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::ids::ApiTokenId;
use keyway_store::IssuedApiToken;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    path,
    session::Session,
};

/// Nothing but the token of the form.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/api_tokens/revoke.html")]
struct RevokePage<'a> {
    frame: Frame<'a>,
    token: &'a IssuedApiToken,
    used: Option<Moment>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, confirm(&app, &request, &session).await)
}

async fn confirm(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let id: ApiTokenId = path::id(request)?;
    let tokens = app.store.list_api_tokens(session.account()).await?;
    let token = tokens
        .iter()
        .find(|token| token.id == id)
        .ok_or(PageError::NotFound)?;
    let page = RevokePage {
        frame: Frame::new(session, request),
        token,
        used: token.last_used_at.map(|at| Moment::new(at, now)),
    };
    show(StatusCode::OK, &page)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, revoke(&app, &request, &submitted.session).await)
}

async fn revoke(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let id = path::id(request)?;
    let revoked = app
        .store
        .delete_api_token(session.account(), id, session.actor(), app.now())
        .await?;
    if !revoked {
        return Err(PageError::NotFound);
    }
    Ok(page::see_other("/api-tokens?done=token-revoked"))
}
