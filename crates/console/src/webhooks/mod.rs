//! Webhooks: where the account hears of its events, and what became of each.

mod delete;
mod delivery;
mod edit;
mod fields;
mod list;
mod new;
mod rotate;
mod show;
mod state;
mod switch;

use actix_web::{
    HttpRequest,
    web::{self, ServiceConfig},
};
use askama::Template;
use keyway_store::{EndpointChange, WebhookEndpoint};

use crate::{App, error::PageError, frame::Frame, page, path, session::Session, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/webhooks").route(visit().to(list::get)))
        .service(
            page("/webhooks/new")
                .route(visit().to(new::get))
                .route(web::post().to(new::post)),
        )
        .service(page("/webhooks/{id}").route(visit().to(show::get)))
        .service(
            page("/webhooks/{id}/edit")
                .route(visit().to(edit::get))
                .route(web::post().to(edit::post)),
        )
        .service(
            page("/webhooks/{id}/rotate")
                .route(visit().to(rotate::get))
                .route(web::post().to(rotate::post)),
        )
        .service(page("/webhooks/{id}/disable").route(web::post().to(switch::disable)))
        .service(page("/webhooks/{id}/enable").route(web::post().to(switch::enable)))
        .service(
            page("/webhooks/{id}/delete")
                .route(visit().to(delete::get))
                .route(web::post().to(delete::post)),
        )
        .service(page("/webhooks/{id}/deliveries/{delivery}").route(visit().to(delivery::get)))
        .service(
            page("/webhooks/{id}/deliveries/{delivery}/retry")
                .route(web::post().to(delivery::retry)),
        );
}

/// The page that shows a secret, the only time that there is.
#[derive(Template)]
#[template(path = "console/webhooks/secret.html")]
struct SecretPage<'a> {
    frame: Frame<'a>,
    endpoint: &'a WebhookEndpoint,
    /// What was done.
    heading: &'static str,
    secret: &'a str,
    /// Until when the secret before it signs too.
    overlap: Option<crate::moment::Moment>,
}

/// The endpoint that the path names, if it is this account's.
async fn find(
    app: &App,
    session: &Session,
    request: &HttpRequest,
) -> Result<WebhookEndpoint, PageError> {
    let id = path::id(request)?;
    let found = app
        .store
        .find_webhook_endpoint(session.account(), id)
        .await?;
    found.ok_or(PageError::NotFound)
}

/// The endpoint after a change that named no revision.
fn done(change: EndpointChange) -> Result<WebhookEndpoint, PageError> {
    match change {
        EndpointChange::Done(endpoint) => Ok(*endpoint),
        EndpointChange::Unknown | EndpointChange::Stale => Err(PageError::NotFound),
    }
}
