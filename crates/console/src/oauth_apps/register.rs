//! `/oauth-apps/new/{provider}`: set up at the provider, then register here.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    Random, SecretString, ids::OauthAppId, oauth_app, provider::ProviderSlug, scope::Scopes,
    sealed::Place,
};
use keyway_providers::{Provider, definition::Certainty, variables::Variable};
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
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    #[serde(default)]
    scopes: String,
    /// The variables that are the admin's to set, as `variable.<name>`.
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl Form {
    /// What was typed for a variable.
    fn variable(&self, name: &str) -> &str {
        let typed = self.others.get(&format!("variable.{name}"));
        typed.map(String::as_str).unwrap_or_default()
    }
}

/// A variable that is the admin's to set.
struct Field<'a> {
    name: &'a str,
    variable: &'a Variable,
    value: &'a str,
    problem: Option<String>,
}

/// The secret of a client that Keyway made, this once.
#[derive(Template)]
#[template(path = "console/oauth_apps/made.html")]
struct MadePage<'a> {
    frame: Frame<'a>,
    provider: &'a Provider,
    id: OauthAppId,
    name: &'a str,
    secret: &'a str,
}

#[derive(Template)]
#[template(path = "console/oauth_apps/register.html")]
struct RegisterPage<'a> {
    frame: Frame<'a>,
    provider: &'a Provider,
    /// How sure the definition is.
    certainty: &'static str,
    callback_url: String,
    name: &'a str,
    client_id: &'a str,
    scopes: &'a str,
    fields: Vec<Field<'a>>,
    /// Keys are entered: there is no client at the provider.
    is_entered: bool,
    problems: Problems,
    /// The form was sent and refused: its secret was not kept.
    again: bool,
}

struct Checked {
    name: String,
    client_id: String,
    client_secret: SecretString,
    scopes: Option<Scopes>,
    variables: BTreeMap<String, String>,
    /// Keyway made the client.
    is_own: bool,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = find_provider(&session, &request)
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
    let provider = find_provider(session, request)?;
    let refused = |problems| form(app, request, session, provider, Some((typed, problems)));
    let has_client = typed.client_id.is_some() && typed.client_secret.is_some();
    if !has_client && !provider.definition.auth.is_entered() {
        return Err(PageError::Malformed("client".into()));
    }
    let checked = match check(typed, provider, app.random.as_ref()) {
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
        variables: checked.variables,
        created_at: now,
        metadata: serde_json::Map::new(),
    };
    match app.store.insert_oauth_app(&new, session.actor()).await {
        Ok(()) if checked.is_own => {
            let page = MadePage {
                frame: Frame::new(session, request),
                provider,
                id,
                name: &new.name,
                secret: checked.client_secret.expose(),
            };
            show(StatusCode::OK, &page)
        }
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

fn find_provider<'a>(
    session: &'a Session,
    request: &HttpRequest,
) -> Result<&'a Provider, PageError> {
    let slug = request.match_info().query("provider");
    ProviderSlug::parse(slug)
        .ok()
        .and_then(|slug| session.providers.find(&slug))
        .map(AsRef::as_ref)
        .ok_or(PageError::NotFound)
}

fn check(typed: &Form, provider: &Provider, random: &dyn Random) -> Result<Checked, Problems> {
    let definition = &provider.definition;
    let is_own = definition.auth.is_entered();
    let (id, secret) = if is_own {
        oauth_app::own_client(&provider.slug, random)
    } else {
        let secret = typed.client_secret.clone();
        let secret = secret.unwrap_or_else(|| SecretString::from(""));
        (typed.client_id.clone().unwrap_or_default(), secret)
    };
    let name = fields::name(&typed.name);
    let client_id = fields::client_id(&id);
    let client_secret = fields::client_secret(&secret);
    let scopes = fields::scopes(&typed.scopes, Some(definition));
    let mut set = BTreeMap::new();
    let mut wrong = BTreeMap::new();
    for (name, variable) in definition.admins_variables() {
        match variable.check(typed.variable(name)) {
            Ok(value) => set.insert(name.to_owned(), value),
            Err(error) => wrong.insert(name.to_owned(), error.to_string()),
        };
    }
    match (name, client_id, client_secret, scopes) {
        (Ok(name), Ok(client_id), Ok(client_secret), Ok(scopes)) if wrong.is_empty() => {
            Ok(Checked {
                name,
                client_id,
                client_secret,
                scopes,
                variables: set,
                is_own,
            })
        }
        (name, client_id, client_secret, scopes) => Err(Problems {
            name: name.err(),
            client_id: client_id.err(),
            client_secret: client_secret.err(),
            scopes: scopes.err(),
            variables: wrong,
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
    let problems = problems.unwrap_or_default();
    let own = provider.definition.admins_variables();
    let fields = own.map(|(name, variable)| Field {
        name,
        variable,
        value: typed.map_or(variable.default.as_deref().unwrap_or_default(), |typed| {
            typed.variable(name)
        }),
        problem: problems.variables.get(name).cloned(),
    });
    let fields = fields.collect();
    let page = RegisterPage {
        frame: Frame::new(session, request),
        provider,
        certainty: match provider.definition.certainty {
            Certainty::Verified => "Verified: written from the vendor’s own documentation.",
            Certainty::Reported => "Reported: two or more independent sources agree.",
            Certainty::Single => "From a single source: try it before you rely on it.",
        },
        callback_url: app.callback_url(&provider.slug),
        name: typed.map_or(&provider.definition.name, |typed| &typed.name),
        client_id: typed
            .and_then(|typed| typed.client_id.as_deref())
            .unwrap_or_default(),
        scopes: typed.map_or("", |typed| &typed.scopes),
        again: typed.is_some(),
        fields,
        is_entered: provider.definition.auth.is_entered(),
        problems,
    };
    show(status, &page)
}
