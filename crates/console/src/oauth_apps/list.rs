//! `GET /oauth-apps`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::OauthApp;

use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/oauth_apps/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    apps: Vec<Row>,
}

struct Row {
    app: OauthApp,
    provider: String,
    created: Moment,
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
    let apps = app.store.list_oauth_apps(session.account()).await?;
    let page = ListPage {
        frame: Frame::new(session, request),
        apps: apps
            .into_iter()
            .map(|found| Row {
                provider: session.providers.name(found.provider.as_str()),
                created: Moment::new(found.created_at, now),
                app: found,
            })
            .collect(),
    };
    show(StatusCode::OK, &page)
}
