//! `/oauth-apps/new/{provider}`: set up at the provider, then register here.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    SecretString, ids::OauthAppId, provider::ProviderSlug, scope::Scopes, sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::{Conflict, NewOauthApp, StoreError};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    oauth_apps::fields::{self, Problems},
    session::Session,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    name: String,
    client_id: String,
    client_secret: SecretString,
    #[serde(default)]
    scopes: String,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/register.html")]
struct RegisterPage<'a> {
    frame: Frame<'a>,
    provider: &'a Provider,
    callback_url: String,
    name: &'a str,
    client_id: &'a str,
    scopes: &'a str,
    problems: Problems,
    /// The form was sent and refused: its secret was not kept.
    again: bool,
}

struct Checked {
    name: String,
    client_id: String,
    client_secret: SecretString,
    scopes: Option<Scopes>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = find_provider(&app, &request)
        .and_then(|provider| form(&app, &request, &session, provider, None));
    answer(&request, shown)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, register(&app, &request, &submitted).await)
}

async fn register(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted {
        session,
        form: typed,
    } = submitted;
    let provider = find_provider(app, request)?;
    let refused = |problems| form(app, request, session, provider, Some((typed, problems)));
    let checked = match check(typed, provider) {
        Ok(checked) => checked,
        Err(problems) => return refused(problems),
    };
    let now = app.now();
    let random = app.random.as_ref();
    let id = OauthAppId::generate(now, random);
    let place = Place::oauth_app_client_secret(id, session.account());
    let new = NewOauthApp {
        id,
        account_id: session.account(),
        provider: provider.slug.clone(),
        name: checked.name,
        client_id: checked.client_id,
        sealed_client_secret: app.sealer.seal(&place, &checked.client_secret, random)?,
        scopes: checked.scopes,
        created_at: now,
        metadata: serde_json::Map::new(),
    };
    match app.store.insert_oauth_app(&new, session.actor()).await {
        Ok(()) => Ok(page::see_other(&format!(
            "/oauth-apps/{id}?done=registered"
        ))),
        Err(StoreError::Conflict(Conflict::Exists)) => refused(Problems {
            client_id: Some(format!(
                "this client ID of {} is registered already",
                provider.definition.name
            )),
            ..Problems::default()
        }),
        Err(error) => Err(error.into()),
    }
}

fn find_provider<'a>(app: &'a App, request: &HttpRequest) -> Result<&'a Provider, PageError> {
    let slug = request.match_info().query("provider");
    ProviderSlug::parse(slug)
        .ok()
        .and_then(|slug| app.catalogue.find(&slug))
        .map(AsRef::as_ref)
        .ok_or(PageError::NotFound)
}

fn check(typed: &Form, provider: &Provider) -> Result<Checked, Problems> {
    let name = fields::name(&typed.name);
    let client_id = fields::client_id(&typed.client_id);
    let client_secret = fields::client_secret(&typed.client_secret);
    let scopes = fields::scopes(&typed.scopes, Some(&provider.definition));
    match (name, client_id, client_secret, scopes) {
        (Ok(name), Ok(client_id), Ok(client_secret), Ok(scopes)) => Ok(Checked {
            name,
            client_id,
            client_secret,
            scopes,
        }),
        (name, client_id, client_secret, scopes) => Err(Problems {
            name: name.err(),
            client_id: client_id.err(),
            client_secret: client_secret.err(),
            scopes: scopes.err(),
        }),
    }
}

/// The form: fresh, or as it was sent but for the secret, with what is wrong.
fn form(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    provider: &Provider,
    rejected: Option<(&Form, Problems)>,
) -> Result<HttpResponse, PageError> {
    let status = match rejected {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (typed, problems) = rejected.unzip();
    let page = RegisterPage {
        frame: Frame::new(session, request),
        provider,
        callback_url: app.callback_url(&provider.slug),
        name: typed.map_or(&provider.definition.name, |typed| &typed.name),
        client_id: typed.map_or("", |typed| &typed.client_id),
        scopes: typed.map_or("", |typed| &typed.scopes),
        again: typed.is_some(),
        problems: problems.unwrap_or_default(),
    };
    show(status, &page)
}
