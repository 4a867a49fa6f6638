//! `/webhooks/new`: another endpoint, and its secret, shown once.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::{ids::WebhookEndpointId, sealed::Place, webhook::WebhookSecret};
use keyway_store::NewWebhookEndpoint;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
    webhooks::{
        SecretPage,
        fields::{Form, Problems, Typed},
    },
};

#[derive(Template)]
#[template(path = "console/webhooks/new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    typed: Typed,
    problems: Problems,
}

pub(crate) async fn get(request: HttpRequest, session: Session) -> HttpResponse {
    answer(&request, form(&request, &session, None))
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
    let Submitted {
        session,
        form: sent,
    } = submitted;
    let checked = match sent.check() {
        Ok(checked) => checked,
        Err(problems) => return form(request, session, Some((sent.typed(), problems))),
    };
    let (now, random) = (app.now(), app.random.as_ref());
    let id = WebhookEndpointId::generate(now, random);
    let secret = WebhookSecret::generate(random);
    let place = Place::webhook_secret(id, session.account());
    let new = NewWebhookEndpoint {
        id,
        account_id: session.account(),
        url: checked.url,
        description: checked.description,
        events: checked.events,
        sealed_secret: app.sealer.seal(&place, secret.secret(), random)?,
        created_at: now,
    };
    let endpoint = app
        .store
        .insert_webhook_endpoint(&new, session.actor())
        .await?;
    let page = SecretPage {
        frame: Frame::new(session, request),
        endpoint: &endpoint,
        heading: "The endpoint is added",
        secret: secret.secret().expose(),
        overlap: None,
    };
    show(StatusCode::OK, &page)
}

/// The form: fresh, or as it was sent, with what is wrong.
fn form(
    request: &HttpRequest,
    session: &Session,
    rejected: Option<(Typed, Problems)>,
) -> Result<HttpResponse, PageError> {
    let status = match rejected {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (typed, problems) = rejected.unzip();
    let page = NewPage {
        frame: Frame::new(session, request),
        typed: typed.unwrap_or_else(Typed::blank),
        problems: problems.unwrap_or_default(),
    };
    show(status, &page)
}
