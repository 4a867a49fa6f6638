//! `/oauth-apps/{id}/secret`: another client secret.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{SecretString, sealed::Place};
use keyway_store::{OauthApp, OauthAppChange};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    oauth_apps::{fields, find},
    session::Session,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    client_secret: SecretString,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/secret.html")]
struct SecretPage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    provider_name: String,
    problem: Option<&'a str>,
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
    answer(&request, replace(&app, &request, &submitted).await)
}

async fn replace(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let session = &submitted.session;
    let found = find(app, session, request).await?;
    let secret = match fields::client_secret(&submitted.form.client_secret) {
        Ok(secret) => secret,
        Err(problem) => return form(request, session, &found, Some(&problem)),
    };
    let place = Place::oauth_app_client_secret(found.id, session.account());
    let sealed = app.sealer.seal(&place, &secret, app.random.as_ref())?;
    let change = OauthAppChange {
        sealed_client_secret: Some(sealed),
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
        "/oauth-apps/{}?done=secret-replaced",
        found.id
    )))
}

fn form(
    request: &HttpRequest,
    session: &Session,
    found: &OauthApp,
    problem: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = SecretPage {
        frame: Frame::new(session, request),
        app: found,
        provider_name: session.providers.name(found.provider.as_str()),
        problem,
    };
    show(status, &page)
}
