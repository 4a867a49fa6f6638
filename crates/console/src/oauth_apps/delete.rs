//! `/oauth-apps/{id}/delete`: asks first.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::{OauthApp, Removal};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    oauth_apps::find,
    session::Session,
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/oauth_apps/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    provider_name: String,
    /// It was tried, and credentials still need the app.
    in_use: bool,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let found = find(&app, &session, &request).await?;
        confirm(&request, &session, &found, false)
    };
    answer(&request, shown.await)
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
    let found = find(app, session, request).await?;
    let removal = app
        .store
        .remove_oauth_app(
            session.account(),
            found.id,
            false,
            None,
            session.actor(),
            app.now(),
        )
        .await?;
    match removal {
        Removal::Removed => Ok(page::see_other("/oauth-apps?done=app-deleted")),
        Removal::Unknown | Removal::Changed => Err(PageError::NotFound),
        Removal::InUse(_) => confirm(request, session, &found, true),
    }
}

fn confirm(
    request: &HttpRequest,
    session: &Session,
    found: &OauthApp,
    in_use: bool,
) -> Result<HttpResponse, PageError> {
    let status = if in_use {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    let page = DeletePage {
        frame: Frame::new(session, request),
        app: found,
        provider_name: session.providers.name(found.provider.as_str()),
        in_use,
    };
    show(status, &page)
}
