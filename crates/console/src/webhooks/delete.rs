//! `/webhooks/{id}/delete`: asks first.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::WebhookEndpoint;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    path,
    session::Session,
    webhooks::{done, find},
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/webhooks/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let page = DeletePage {
            endpoint: &find(&app, &session, &request).await?,
            frame: Frame::new(&session, &request),
        };
        show(StatusCode::OK, &page)
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
    let id = path::id(request)?;
    let removed = app
        .store
        .delete_webhook_endpoint(session.account(), id, None, session.actor(), app.now())
        .await?;
    done(removed)?;
    Ok(page::see_other("/webhooks?done=webhook-deleted"))
}
