//! `/redirect-uris`: the list, and the form that adds to it.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    ids::RedirectUriId,
    provider::ProviderSlug,
    redirect_uri::{PLACEHOLDER, RedirectUriTemplate},
};
use keyway_store::{Conflict, RegisteredUri, StoreError};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    session::Session,
};

/// Shown as examples while the account has no app.
const EXAMPLES: [&str; 3] = ["airtable", "github", "salesforce"];

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    uri: String,
    /// There if the button was Preview.
    preview: Option<String>,
}

/// What became of a form that added nothing.
struct Tried<'a> {
    uri: &'a str,
    outcome: Result<RedirectUriTemplate, String>,
}

#[derive(Template)]
#[template(path = "console/redirect_uris/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    uris: Vec<Row>,
    uri: &'a str,
    problem: Option<&'a str>,
    preview: Option<Vec<Expansion>>,
    providers: Vec<Provider>,
    /// The account has no app yet: the providers are examples.
    examples: bool,
}

struct Row {
    id: RedirectUriId,
    uri: String,
    added: Moment,
    /// Empty if it is the same for every provider.
    expansions: Vec<Expansion>,
}

struct Expansion {
    provider: String,
    slug: String,
    uri: String,
}

struct Provider {
    slug: ProviderSlug,
    name: String,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, list(&app, &request, &session, None).await)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, add(&app, &request, &submitted).await)
}

async fn add(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted { session, form } = submitted;
    let uri = form.uri.trim();
    let outcome = RedirectUriTemplate::parse(uri).map_err(|error| error.to_string());
    let template = match outcome {
        Ok(template) if form.preview.is_none() => template,
        outcome => {
            let tried = Tried { uri, outcome };
            return list(app, request, session, Some(tried)).await;
        }
    };
    let now = app.now();
    let new = RegisteredUri {
        id: RedirectUriId::generate(now, app.random.as_ref()),
        uri: template,
        created_at: now,
    };
    let inserted = app
        .store
        .insert_redirect_uri(session.account(), &new, session.actor())
        .await;
    match inserted {
        Ok(()) => Ok(page::see_other("/redirect-uris?done=uri-added")),
        Err(StoreError::Conflict(Conflict::Exists)) => {
            let outcome = Err("this redirect URI is registered already".into());
            list(app, request, session, Some(Tried { uri, outcome })).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn list(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    tried: Option<Tried<'_>>,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let registered = app.store.list_redirect_uris(session.account()).await?;
    let (providers, examples) = providers(app, session).await?;
    let expand = |uri: &RedirectUriTemplate| expansions(uri, &providers);
    let problem = tried
        .as_ref()
        .and_then(|tried| tried.outcome.as_ref().err());
    let preview = tried.as_ref().and_then(|tried| tried.outcome.as_ref().ok());
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = ListPage {
        frame: Frame::new(session, request),
        uris: registered
            .iter()
            .map(|registered| Row {
                id: registered.id,
                uri: registered.uri.as_str().to_owned(),
                added: Moment::new(registered.created_at, now),
                expansions: if registered.uri.as_str().contains(PLACEHOLDER) {
                    expand(&registered.uri)
                } else {
                    Vec::new()
                },
            })
            .collect(),
        uri: tried.as_ref().map_or("", |tried| tried.uri),
        problem: problem.map(String::as_str),
        preview: preview.map(expand),
        providers,
        examples,
    };
    show(status, &page)
}

/// The providers of the account's apps; while it has none, some of the catalogue.
async fn providers(app: &App, session: &Session) -> Result<(Vec<Provider>, bool), PageError> {
    let apps = app.store.list_oauth_apps(session.account()).await?;
    let ours: BTreeSet<ProviderSlug> = apps.into_iter().map(|app| app.provider).collect();
    let examples = ours.is_empty();
    let slugs: Vec<ProviderSlug> = if examples {
        let known = EXAMPLES
            .iter()
            .filter_map(|slug| ProviderSlug::parse(slug).ok());
        known.collect()
    } else {
        ours.into_iter().collect()
    };
    let named = slugs.into_iter().map(|slug| Provider {
        name: session.providers.name(slug.as_str()),
        slug,
    });
    Ok((named.collect(), examples))
}

fn expansions(uri: &RedirectUriTemplate, providers: &[Provider]) -> Vec<Expansion> {
    providers
        .iter()
        .map(|provider| Expansion {
            provider: provider.name.clone(),
            slug: provider.slug.to_string(),
            uri: uri.expand(&provider.slug).as_str().to_owned(),
        })
        .collect()
}
