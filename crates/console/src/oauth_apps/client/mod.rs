//! How an app's client backend proves itself at the OAuth endpoints, and what it gets there.

pub(super) mod fields;
pub(super) mod secrets;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::client_settings::ClientSettings;
use keyway_store::{OauthApp, OauthAppChange};
use keyway_web::page;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    oauth_apps::find,
    session::Session,
};

use fields::{Form, METHODS, Problems};

/// A secret that Keyway made, in the list.
struct Secret {
    id: String,
    made: Moment,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/client.html")]
struct ClientPage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    issuer: &'a str,
    methods: &'static [(&'static str, &'static str)],
    form: &'a Form,
    problems: Problems,
    secrets: Vec<Secret>,
}

pub(super) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let found = find(&app, &session, &request).await?;
        let form = Form::of(&found.settings);
        let problems = Problems::default();
        page_of(&app, &request, &session, &found, (&form, problems)).await
    };
    answer(&request, shown.await)
}

pub(super) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, save(&app, &request, &submitted).await)
}

async fn save(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted {
        session,
        form: typed,
    } = submitted;
    let found = find(app, session, request).await?;
    let settings: ClientSettings = match typed.read(&found.settings) {
        Ok(settings) => settings,
        Err(problems) => {
            return page_of(app, request, session, &found, (typed, problems)).await;
        }
    };
    let change = OauthAppChange {
        settings: Some(settings),
        ..OauthAppChange::default()
    };
    let (account, actor) = (session.account(), session.actor());
    let changed = app
        .store
        .update_oauth_app(account, found.id, &change, actor, app.now())
        .await?;
    if changed.is_none() {
        return Err(PageError::NotFound);
    }
    let back = format!("/oauth-apps/{}/client?done=saved", found.id);
    Ok(page::see_other(&back))
}

async fn page_of(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    found: &OauthApp,
    (form, problems): (&Form, Problems),
) -> Result<HttpResponse, PageError> {
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let now = app.now();
    let secrets = app
        .store
        .list_client_secrets(session.account(), found.id)
        .await?;
    let page = ClientPage {
        frame: Frame::new(session, request),
        app: found,
        issuer: app.public_url.as_str(),
        methods: &METHODS,
        form,
        problems,
        secrets: secrets
            .into_iter()
            .map(|secret| Secret {
                id: secret.id.to_string(),
                made: Moment::new(secret.created_at, now),
            })
            .collect(),
    };
    show(status, &page)
}
