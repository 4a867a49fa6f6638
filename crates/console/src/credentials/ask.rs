//! `/credentials/{id}/refresh`, `/revoke` and `/delete`: asks a gateway, and the admin before that.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    credential::Credential,
    ids::{CredentialId, JobId},
    job::JobKind,
};
use keyway_store::{Asked, NewJob};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    credentials::title,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    path,
    session::Session,
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/credentials/revoke.html")]
struct RevokePage<'a> {
    frame: Frame<'a>,
    credential: &'a Credential,
    title: &'a str,
    provider: String,
    /// The provider has a way to end a grant.
    is_supported: bool,
}

#[derive(Template)]
#[template(path = "console/credentials/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    credential: &'a Credential,
    title: &'a str,
    provider: String,
    /// The provider has a way to end a grant.
    is_supported: bool,
}

pub(crate) async fn refresh(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(
        &request,
        ask(&app, &request, &submitted, JobKind::Refresh).await,
    )
}

pub(crate) async fn revoke(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(
        &request,
        ask(&app, &request, &submitted, JobKind::Revoke).await,
    )
}

pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(
        &request,
        ask(&app, &request, &submitted, JobKind::Delete).await,
    )
}

/// Asks, and shows the credential, whose page says how the wish stands. The same wish twice is one.
async fn ask(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
    kind: JobKind,
) -> Result<HttpResponse, PageError> {
    let session = &submitted.session;
    let credential_id: CredentialId = path::id(request)?;
    let now = app.now();
    let new = NewJob {
        id: JobId::generate(now, app.random.as_ref()),
        account_id: session.account(),
        kind,
        credential_id,
        admin_id: session.admin.id,
        created_at: now,
    };
    match app.store.insert_job(&new).await? {
        Asked::Accepted | Asked::Already => {
            Ok(page::see_other(&format!("/credentials/{credential_id}")))
        }
        Asked::Unknown => Err(PageError::NotFound),
    }
}

pub(crate) async fn confirm_revoke(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = find(&app, &request, &session).await.and_then(|credential| {
        let page = RevokePage {
            frame: Frame::new(&session, &request),
            title: title(&credential),
            provider: session.providers.name(credential.provider.as_str()),
            is_supported: ends_grants(&session, &credential),
            credential: &credential,
        };
        show(StatusCode::OK, &page)
    });
    answer(&request, shown)
}

pub(crate) async fn confirm_delete(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = find(&app, &request, &session).await.and_then(|credential| {
        let page = DeletePage {
            frame: Frame::new(&session, &request),
            title: title(&credential),
            provider: session.providers.name(credential.provider.as_str()),
            is_supported: ends_grants(&session, &credential),
            credential: &credential,
        };
        show(StatusCode::OK, &page)
    });
    answer(&request, shown)
}

async fn find(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<Credential, PageError> {
    let id: CredentialId = path::id(request)?;
    let found = app.store.find_credential(session.account(), id).await?;
    found.ok_or(PageError::NotFound)
}

/// Whether the provider documents a way to end a grant.
fn ends_grants(session: &Session, credential: &Credential) -> bool {
    let provider = session.providers.find(&credential.provider);
    provider.is_some_and(|provider| provider.definition.revoke.is_some())
}
