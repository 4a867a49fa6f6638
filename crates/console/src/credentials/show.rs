//! `GET /credentials/{id}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    credential::{Credential, MASK},
    ids::CredentialId,
};
use serde_json::Value;

use crate::{
    App,
    error::{PageError, answer, show},
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
    provider: String,
    properties: Vec<Property>,
    ends: Option<Moment>,
    refresh_ends: Option<Moment>,
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
    let credential = found.ok_or(PageError::NotFound)?;
    let page = ShowPage {
        frame: Frame::new(session, request),
        provider: app.provider_name(credential.provider.as_str()),
        properties: properties(&credential),
        ends: credential.expires_at.map(|at| Moment::new(at, now)),
        refresh_ends: credential.refresh_expires_at.map(|at| Moment::new(at, now)),
        created: Moment::new(credential.created_at, now),
        updated: Moment::new(credential.updated_at, now),
        credential: &credential,
    };
    show(StatusCode::OK, &page)
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
