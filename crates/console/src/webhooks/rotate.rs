//! `/webhooks/{id}/rotate`: another secret, shown once.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{
    sealed::Place,
    webhook::{self, WebhookSecret},
};
use keyway_store::{WebhookEndpoint, WebhookRotation};
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    session::Session,
    webhooks::{SecretPage, done, find},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    /// Seconds for which the secret before signs too.
    overlap: i64,
}

#[derive(Template)]
#[template(path = "console/webhooks/rotate.html")]
struct RotatePage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let page = RotatePage {
            endpoint: &find(&app, &session, &request).await?,
            frame: Frame::new(&session, &request),
        };
        show(StatusCode::OK, &page)
    };
    answer(&request, shown.await)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, rotate(&app, &request, &submitted).await)
}

async fn rotate(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted { session, form } = submitted;
    let found = find(app, session, request).await?;
    let overlap =
        webhook::overlap(Some(form.overlap)).map_err(|_| PageError::Malformed("overlap".into()))?;
    let (now, random) = (app.now(), app.random.as_ref());
    let secret = WebhookSecret::generate(random);
    let place = Place::webhook_secret(found.id, session.account());
    let rotation = WebhookRotation {
        sealed_secret: app.sealer.seal(&place, secret.secret(), random)?,
        overlap,
    };
    let rotated = app
        .store
        .rotate_webhook_secret(session.account(), found.id, &rotation, session.actor(), now)
        .await?;
    let endpoint = done(rotated)?;
    let page = SecretPage {
        frame: Frame::new(session, request),
        endpoint: &endpoint,
        heading: "The secret is rotated",
        secret: secret.secret().expose(),
        overlap: endpoint
            .previous_secret_expires_at
            .map(|at| Moment::new(at, now)),
    };
    show(StatusCode::OK, &page)
}
