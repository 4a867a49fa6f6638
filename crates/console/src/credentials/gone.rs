//! What is left of a credential that was deleted: what happened to it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;
use keyway_domain::ids::CredentialId;

use crate::{
    App,
    credentials::{
        job::{self, Asked},
        timeline::{self, Timeline},
    },
    error::{PageError, show},
    frame::Frame,
    session::Session,
};

#[derive(Template)]
#[template(path = "console/credentials/gone.html")]
struct GonePage<'a> {
    frame: Frame<'a>,
    credential: CredentialId,
    asked: Asked,
    timeline: Timeline,
}

/// The page of a credential that this account had; not found if it never did, or if that was too
/// long ago.
pub(super) async fn page(
    app: &App,
    request: &HttpRequest,
    session: &Session,
    id: CredentialId,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let asked = job::asked(app, session, id, now).await?;
    let timeline = timeline::of(app, session, id, now).await?;
    if asked.rows.is_empty() && timeline.entries.is_empty() {
        return Err(PageError::NotFound);
    }
    let page = GonePage {
        frame: Frame::new(session, request),
        credential: id,
        asked,
        timeline,
    };
    show(StatusCode::GONE, &page)
}
