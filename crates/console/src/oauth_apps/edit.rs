//! `/oauth-apps/{id}/edit`: name and scopes.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_providers::Provider;
use keyway_store::{OauthApp, OauthAppChange};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    oauth_apps::{
        fields::{self, Problems},
        find,
    },
    session::Session,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    name: String,
    #[serde(default)]
    scopes: String,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/edit.html")]
struct EditPage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    provider: Option<&'a Provider>,
    name: &'a str,
    scopes: &'a str,
    problems: Problems,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let found = find(&app, &session, &request).await?;
        form(&request, &session, &found, None)
    };
    answer(&request, shown.await)
}

pub(crate) async fn post(
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
    let definition = session
        .providers
        .find(&found.provider)
        .map(|provider| &provider.definition);
    let name = fields::name(&typed.name);
    let scopes = fields::scopes(&typed.scopes, definition);
    let (name, scopes) = match (name, scopes) {
        (Ok(name), Ok(scopes)) => (name, scopes),
        (name, scopes) => {
            let problems = Problems {
                name: name.err(),
                scopes: scopes.err(),
                ..Problems::default()
            };
            return form(request, session, &found, Some((typed, problems)));
        }
    };
    let change = OauthAppChange {
        name: Some(name),
        scopes: Some(scopes),
        ..OauthAppChange::default()
    };
    let changed = app
        .store
        .update_oauth_app(
            session.account(),
            found.id,
            &change,
            session.actor(),
            app.now(),
        )
        .await?;
    if changed.is_none() {
        return Err(PageError::NotFound);
    }
    Ok(page::see_other(&format!(
        "/oauth-apps/{}?done=saved",
        found.id
    )))
}

fn form(
    request: &HttpRequest,
    session: &Session,
    found: &OauthApp,
    rejected: Option<(&Form, Problems)>,
) -> Result<HttpResponse, PageError> {
    let status = match rejected {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (typed, problems) = rejected.unzip();
    let scopes = found.scopes.as_ref().map(ToString::to_string);
    let page = EditPage {
        frame: Frame::new(session, request),
        app: found,
        provider: session.providers.find(&found.provider).map(AsRef::as_ref),
        name: typed.map_or(&found.name, |typed| &typed.name),
        scopes: typed.map_or(scopes.as_deref().unwrap_or_default(), |typed| &typed.scopes),
        problems: problems.unwrap_or_default(),
    };
    show(status, &page)
}
