//! `GET /credentials`: all, those that a text is found in, or those in one state of health.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Utc};
use keyway_catalogue::AccountProviders;
use keyway_domain::{credential::Credential, health::HealthStatus, ids::CredentialId};
use keyway_store::{CredentialFilter, CredentialSearch, FoundCredentials};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    credentials::{health, title},
    error::{PageError, answer, show},
    flow_log::outcome::Tag,
    frame::Frame,
    moment::Moment,
    paging, path,
    session::Session,
};

/// No name of a credential is longer.
const MAX_TEXT: usize = 200;

#[derive(Debug, Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    health: String,
}

#[derive(Template)]
#[template(path = "console/credentials/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
    q: &'a str,
    health: Option<HealthStatus>,
    /// This is not the first page.
    later: bool,
    /// Where the next page goes on.
    next: Option<CredentialId>,
}

struct Row {
    credential: Credential,
    title: String,
    health: Tag,
    provider: String,
    connected: Moment,
    ends: Option<Moment>,
}

/// A state of health to choose.
struct Choice {
    word: &'static str,
    label: &'static str,
    is_chosen: bool,
}

impl ListPage<'_> {
    /// The list is a part of all.
    fn is_narrowed(&self) -> bool {
        !self.q.is_empty() || self.health.is_some()
    }

    fn choices(&self) -> impl Iterator<Item = Choice> {
        health::STATES.into_iter().map(|status| Choice {
            word: status.as_str(),
            label: health::tag(status).label,
            is_chosen: self.health == Some(status),
        })
    }
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, look(&app, &request, &session).await)
}

async fn look(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let malformed = || PageError::Malformed("query".into());
    let query = web::Query::<Query>::from_query(request.query_string()).map_err(|_| malformed())?;
    let text = query.q.trim();
    if text.len() > MAX_TEXT || text.contains('\0') {
        return Err(malformed());
    }
    let status = match query.health.as_str() {
        "" => None,
        word => Some(HealthStatus::parse(word).ok_or_else(malformed)?),
    };
    // Whoever has the id of a credential means that one.
    if let Ok(id) = path::read_id::<CredentialId>(text)
        && app
            .store
            .find_credential(session.account(), id)
            .await?
            .is_some()
    {
        return Ok(page::see_other(&format!("/credentials/{id}")));
    }
    let before: Option<CredentialId> = paging::before(request)?;
    let now = app.now();
    let found = find(app, session, text, status, before).await?;
    let page = ListPage {
        frame: Frame::new(session, request),
        rows: found
            .credentials
            .into_iter()
            .map(|credential| row(&session.providers, credential, now))
            .collect(),
        q: text,
        health: status,
        later: before.is_some(),
        next: found.next,
    };
    show(StatusCode::OK, &page)
}

async fn find(
    app: &App,
    session: &Session,
    text: &str,
    health: Option<HealthStatus>,
    before: Option<CredentialId>,
) -> Result<FoundCredentials, PageError> {
    if text.is_empty() {
        let filter = CredentialFilter {
            health,
            ..CredentialFilter::default()
        };
        let found = app
            .store
            .list_credentials(session.account(), &filter, before, paging::ASKED)
            .await?;
        let (credentials, next) = paging::cut(found, |credential| credential.id);
        return Ok(FoundCredentials { credentials, next });
    }
    let search = CredentialSearch {
        text,
        health,
        before,
        limit: paging::ASKED - 1,
    };
    Ok(app
        .store
        .search_credentials(session.account(), search)
        .await?)
}

fn row(providers: &AccountProviders, credential: Credential, now: DateTime<Utc>) -> Row {
    Row {
        title: title(&credential).to_owned(),
        health: health::tag(credential.health.status),
        provider: providers.name(credential.provider.as_str()),
        connected: Moment::new(credential.updated_at, now),
        ends: credential.expires_at.map(|at| Moment::new(at, now)),
        credential,
    }
}
