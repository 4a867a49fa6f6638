//! `/providers/{slug}/edit`: another version of a provider of one's own.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::provider::ProviderSlug;
use keyway_store::OauthAppFilter;
use keyway_web::page;
use serde::Deserialize;

use super::{
    fields::{self, Problems},
    own, slug,
};
use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    text: String,
    #[serde(default)]
    note: String,
    /// The version that was edited.
    follows: i32,
}

#[derive(Template)]
#[template(path = "console/providers/edit.html")]
struct EditPage<'a> {
    frame: Frame<'a>,
    slug: &'a ProviderSlug,
    name: String,
    text: &'a str,
    note: &'a str,
    follows: i32,
    /// How many OAuth apps send their secrets where the text says.
    apps: usize,
    problems: Problems,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, form(&app, &request, &session).await)
}

async fn form(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let slug = slug(request)?;
    let versions = own(app, session, &slug).await?;
    let newest = versions.first().ok_or(PageError::NotFound)?;
    let page = EditPage {
        frame: Frame::new(session, request),
        name: session.providers.name(slug.as_str()),
        slug: &slug,
        text: &newest.text,
        note: "",
        follows: newest.version,
        apps: apps(app, session, &slug).await?,
        problems: Problems {
            // It may have been good for another release only.
            findings: fields::lint(&slug, &newest.text),
            ..Problems::default()
        },
    };
    show(StatusCode::OK, &page)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, save(&app, &request, &submitted).await)
}

/// How many of the account's OAuth apps use a provider; more than a page of them is many.
async fn apps(app: &App, session: &Session, slug: &ProviderSlug) -> Result<usize, PageError> {
    let filter = OauthAppFilter {
        provider: Some(slug.clone()),
        ..OauthAppFilter::default()
    };
    let found = app
        .store
        .search_oauth_apps(session.account(), &filter, None, 100)
        .await?;
    Ok(found.len())
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
    let slug = slug(request)?;
    let versions = own(app, session, &slug).await?;
    let newest = versions.first().ok_or(PageError::NotFound)?;
    let text = fields::plain(&typed.text);
    let note = fields::note(&typed.note);
    let mut problems = Problems {
        findings: fields::lint(&slug, &text),
        note: note.as_ref().err().cloned(),
        ..Problems::default()
    };
    if let (Ok(note), true) = (note, problems.is_empty()) {
        if fields::save(app, session, &slug, typed.follows, &text, note).await? {
            return Ok(page::see_other(&format!(
                "/providers/{slug}?done=provider-saved"
            )));
        }
        problems.overtaken = true;
    }
    let page = EditPage {
        frame: Frame::new(session, request),
        name: session.providers.name(slug.as_str()),
        slug: &slug,
        text: &text,
        note: &typed.note,
        // Whoever saves again has been told.
        follows: if problems.overtaken {
            newest.version
        } else {
            typed.follows
        },
        apps: apps(app, session, &slug).await?,
        problems,
    };
    show(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
