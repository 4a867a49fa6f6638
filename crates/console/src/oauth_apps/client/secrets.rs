//! Secrets of Keyway's own for a client backend: made here, shown once, and deleted.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    ids::ClientSecretId,
    opaque::{ClientSecret, OpaqueToken as _},
};
use keyway_store::OauthApp;
use keyway_vault::digest;
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    oauth_apps::find,
    path,
    session::Session,
};

/// Nothing but the token of the form.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/oauth_apps/client_secret_made.html")]
struct MadePage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    secret: &'a str,
}

pub(in crate::oauth_apps) async fn make(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, made(&app, &request, &submitted.session).await)
}

async fn made(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let found = find(app, session, request).await?;
    let (now, random) = (app.now(), app.random.as_ref());
    let secret = ClientSecret::generate(random);
    let id = ClientSecretId::generate(now, random);
    let (account, actor) = (session.account(), session.actor());
    let digest = digest::unkeyed(&secret);
    let inserted = app
        .store
        .insert_client_secret(account, found.id, id, digest, actor, now)
        .await?;
    if !inserted {
        // Somebody else was faster: the list shows both.
        let back = format!("/oauth-apps/{}/client?done=client-secrets-full", found.id);
        return Ok(page::see_other(&back));
    }
    let page = MadePage {
        frame: Frame::new(session, request),
        app: &found,
        secret: secret.secret().expose(),
    };
    show(StatusCode::OK, &page)
}

pub(in crate::oauth_apps) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, deleted(&app, &request, &submitted.session).await)
}

async fn deleted(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let found = find(app, session, request).await?;
    let id: ClientSecretId = path::read_id(request.match_info().query("secret"))?;
    let (account, actor) = (session.account(), session.actor());
    let deleted = app
        .store
        .delete_client_secret(account, found.id, id, actor, app.now())
        .await?;
    if !deleted {
        return Err(PageError::NotFound);
    }
    let back = format!("/oauth-apps/{}/client?done=client-secret-deleted", found.id);
    Ok(page::see_other(&back))
}
