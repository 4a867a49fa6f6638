//! `/redirect-uris/{id}/delete`: asks first.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::ids::RedirectUriId;
use keyway_store::RegisteredUri;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    path,
    session::Session,
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/redirect_uris/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    uri: &'a RegisteredUri,
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
    let id: RedirectUriId = path::id(request)?;
    let registered = app.store.list_redirect_uris(session.account()).await?;
    let page = DeletePage {
        frame: Frame::new(session, request),
        uri: registered
            .iter()
            .find(|uri| uri.id == id)
            .ok_or(PageError::NotFound)?,
    };
    show(StatusCode::OK, &page)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, delete(&app, &request, &submitted.session).await)
}

async fn delete(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let id = path::id(request)?;
    let removed = app
        .store
        .delete_redirect_uri(session.account(), id, session.actor(), app.now())
        .await?;
    if !removed {
        return Err(PageError::NotFound);
    }
    Ok(page::see_other("/redirect-uris?done=uri-removed"))
}
