//! `GET /credentials`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{credential::Credential, ids::CredentialId};

use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    paging,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/credentials/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row>,
    /// This is not the first page.
    later: bool,
    /// Where the next page goes on.
    next: Option<CredentialId>,
}

struct Row {
    credential: Credential,
    provider: String,
    connected: Moment,
    ends: Option<Moment>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, list(&app, &request, &session).await)
}

async fn list(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let before: Option<CredentialId> = paging::before(request)?;
    let found = app
        .store
        .list_credentials(
            session.account(),
            &keyway_store::CredentialFilter::default(),
            before,
            paging::ASKED,
        )
        .await?;
    let (found, next) = paging::cut(found, |credential| credential.id);
    let page = ListPage {
        frame: Frame::new(session, request),
        rows: found
            .into_iter()
            .map(|credential| Row {
                provider: app.provider_name(credential.provider.as_str()),
                connected: Moment::new(credential.updated_at, now),
                ends: credential.expires_at.map(|at| Moment::new(at, now)),
                credential,
            })
            .collect(),
        later: before.is_some(),
        next,
    };
    show(StatusCode::OK, &page)
}
