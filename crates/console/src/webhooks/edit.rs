//! `/webhooks/{id}/edit`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_store::{WebhookEndpoint, WebhookEndpointChange};
use keyway_web::page;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
    webhooks::{
        done,
        fields::{Form, Problems, Typed},
        find,
    },
};

#[derive(Template)]
#[template(path = "console/webhooks/edit.html")]
struct EditPage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
    typed: Typed,
    problems: Problems,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let found = find(&app, &session, &request).await?;
        form(&request, &session, &found, None)
    };
    answer(&request, shown.await)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, save(&app, &request, &submitted).await)
}

async fn save(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted {
        session,
        form: sent,
    } = submitted;
    let found = find(app, session, request).await?;
    let checked = match sent.check() {
        Ok(checked) => checked,
        Err(problems) => return form(request, session, &found, Some((sent.typed(), problems))),
    };
    let change = WebhookEndpointChange {
        url: Some(checked.url),
        description: Some(checked.description),
        events: Some(checked.events),
        disabled: None,
    };
    let changed = app
        .store
        .update_webhook_endpoint(
            session.account(),
            found.id,
            None,
            &change,
            session.actor(),
            app.now(),
        )
        .await?;
    let endpoint = done(changed)?;
    Ok(page::see_other(&format!(
        "/webhooks/{}?done=saved",
        endpoint.id
    )))
}

fn form(
    request: &HttpRequest,
    session: &Session,
    found: &WebhookEndpoint,
    rejected: Option<(Typed, Problems)>,
) -> Result<HttpResponse, PageError> {
    let status = match rejected {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (typed, problems) = rejected.unzip();
    let page = EditPage {
        frame: Frame::new(session, request),
        endpoint: found,
        typed: typed.unwrap_or_else(|| Typed::of(found)),
        problems: problems.unwrap_or_default(),
    };
    show(status, &page)
}
