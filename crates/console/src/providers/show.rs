//! `GET /providers/{slug}`: how accounts of a provider are connected.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::provider::ProviderSlug;
use keyway_providers::{Provider, definition::Pkce};
use keyway_store::SavedDefinition;

use super::slug;
use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/providers/show.html")]
struct ShowPage<'a> {
    frame: Frame<'a>,
    slug: &'a ProviderSlug,
    name: String,
    /// None if this release of Keyway cannot use the account's own definition.
    provider: Option<&'a Provider>,
    callback_url: String,
    scopes: Vec<Scope<'a>>,
    /// The account's own, newest first; empty for the others.
    versions: Vec<Version<'a>>,
}

struct Scope<'a> {
    name: &'a str,
    /// What it allows; empty if nobody said.
    help: &'a str,
    /// When it is asked for.
    asked: &'static str,
}

struct Version<'a> {
    saved: &'a SavedDefinition,
    at: Moment,
}

impl ShowPage<'_> {
    fn pkce(provider: &Provider) -> &'static str {
        match provider.definition.authorize.as_ref().map(|it| it.pkce) {
            Some(Pkce::Required) => "PKCE required",
            Some(Pkce::Supported) => "PKCE",
            Some(Pkce::None) | None => "",
        }
    }
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, detail(&app, &request, &session).await)
}

async fn detail(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let slug = slug(request)?;
    let now = app.now();
    let provider = session.providers.find(&slug);
    let saved = app
        .store
        .list_definition_versions(session.account(), &slug)
        .await?;
    if provider.is_none() && saved.is_empty() {
        return Err(PageError::NotFound);
    }
    let page = ShowPage {
        frame: Frame::new(session, request),
        name: session.providers.name(slug.as_str()),
        callback_url: app.callback_url(&slug),
        scopes: provider
            .map(|provider| scopes(provider))
            .unwrap_or_default(),
        provider: provider.map(AsRef::as_ref),
        versions: saved
            .iter()
            .map(|saved| Version {
                saved,
                at: Moment::new(saved.created_at, now),
            })
            .collect(),
        slug: &slug,
    };
    show(StatusCode::OK, &page)
}

/// Those that are asked for first, then what else is known.
fn scopes(provider: &Provider) -> Vec<Scope<'_>> {
    let definition = &provider.definition;
    let Some(authorize) = &definition.authorize else {
        return Vec::new();
    };
    let help = |name: &str| definition.scopes.get(name).map_or("", String::as_str);
    let mut all: Vec<Scope<'_>> = Vec::new();
    let asked = [
        (&authorize.mandatory_scopes, "always"),
        (&authorize.default_scopes, "by default"),
    ];
    for (names, asked) in asked {
        for name in names {
            if !all.iter().any(|known| known.name == name) {
                let help = help(name);
                all.push(Scope { name, help, asked });
            }
        }
    }
    for (name, help) in &definition.scopes {
        if !all.iter().any(|known| known.name == name) {
            let asked = "";
            all.push(Scope { name, help, asked });
        }
    }
    all
}
