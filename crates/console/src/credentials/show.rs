//! `GET /credentials/{id}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    credential::{Credential, MASK},
    health::HealthStatus,
    ids::CredentialId,
};
use serde_json::Value;

use crate::{
    App,
    credentials::{
        gone, health,
        job::{self, Asked},
        timeline::{self, Timeline},
        title,
    },
    error::{PageError, answer, show},
    flow_log::outcome::Tag,
    frame::Frame,
    moment::Moment,
    path,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/credentials/show.html")]
struct ShowPage<'a> {
    frame: Frame<'a>,
    credential: &'a Credential,
    title: &'a str,
    provider: String,
    health: Tag,
    /// Since when it is so.
    since: Moment,
    /// A gateway can be asked to refresh it.
    is_refreshable: bool,
    metadata: Option<String>,
    asked: Asked,
    timeline: Timeline,
    properties: Vec<Property>,
    ends: Option<Moment>,
    refresh_ends: Option<Moment>,
    refreshed: Option<Moment>,
    refreshes: Option<Moment>,
    created: Moment,
    updated: Moment,
}

/// A property as the client backend gets it, but for the secrets.
struct Property {
    name: String,
    value: String,
    secret: bool,
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
    let now = app.now();
    let id: CredentialId = path::id(request)?;
    let found = app.store.find_credential(session.account(), id).await?;
    let Some(credential) = found else {
        return gone::page(app, request, session, id).await;
    };
    let moment = |at| Moment::new(at, now);
    let page = ShowPage {
        frame: Frame::new(session, request),
        title: title(&credential),
        provider: session.providers.name(credential.provider.as_str()),
        health: health::tag(credential.health.status),
        since: moment(credential.health.time),
        is_refreshable: is_refreshable(session, &credential),
        metadata: metadata(&credential)?,
        asked: job::asked(app, session, id, now).await?,
        timeline: timeline::of(app, session, id, now).await?,
        properties: properties(&credential),
        ends: credential.expires_at.map(moment),
        refresh_ends: credential.refresh_expires_at.map(moment),
        refreshed: credential.refreshed_at.map(moment),
        refreshes: credential.refresh_at.map(moment),
        created: moment(credential.created_at),
        updated: moment(credential.updated_at),
        credential: &credential,
    };
    show(StatusCode::OK, &page)
}

/// Whether a refresh may help: there is a way, and something to refresh with that is not dead.
fn is_refreshable(session: &Session, credential: &Credential) -> bool {
    let provider = session.providers.find(&credential.provider);
    let has_way = provider.is_some_and(|provider| provider.definition.can_renew());
    let mut names = credential.secret_names.iter();
    let has_means = credential.refresh_at.is_some() || names.any(|name| name == "refresh_token");
    has_way && has_means && credential.health.status != HealthStatus::Error
}

/// What the client keeps with it, as JSON for people.
fn metadata(credential: &Credential) -> Result<Option<String>, PageError> {
    if credential.metadata.is_empty() {
        return Ok(None);
    }
    serde_json::to_string_pretty(&credential.metadata)
        .map(Some)
        .map_err(|_| PageError::Malformed("metadata".into()))
}

fn properties(credential: &Credential) -> Vec<Property> {
    let kind = Property {
        name: "kind".into(),
        value: credential.kind.0.clone(),
        secret: false,
    };
    let secrets = credential.secret_names.iter().map(|name| Property {
        name: name.clone(),
        value: MASK.into(),
        secret: true,
    });
    let public = credential.public.iter().map(|(name, value)| Property {
        name: name.clone(),
        value: written_out(value),
        secret: false,
    });
    let mut all: Vec<Property> = secrets.chain(public).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all.insert(0, kind);
    all
}

/// A text as it is, anything else as JSON.
fn written_out(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
