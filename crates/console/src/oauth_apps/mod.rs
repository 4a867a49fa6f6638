//! OAuth apps: the account's clients at providers.

mod client;
mod delete;
mod edit;
pub(crate) mod fields;
mod list;
mod new;
mod register;
mod secret;
mod show;

use actix_web::{
    HttpRequest,
    web::{self, ServiceConfig},
};
use keyway_store::OauthApp;

use crate::{App, error::PageError, page, path, session::Session, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/oauth-apps").route(visit().to(list::get)))
        .service(page("/oauth-apps/new").route(visit().to(new::get)))
        .service(
            page("/oauth-apps/new/{provider}")
                .route(visit().to(register::get))
                .route(web::post().to(register::post)),
        )
        .service(page("/oauth-apps/{id}").route(visit().to(show::get)))
        .service(
            page("/oauth-apps/{id}/edit")
                .route(visit().to(edit::get))
                .route(web::post().to(edit::post)),
        )
        .service(
            page("/oauth-apps/{id}/client")
                .route(visit().to(client::get))
                .route(web::post().to(client::post)),
        )
        .service(
            page("/oauth-apps/{id}/client/secrets").route(web::post().to(client::secrets::make)),
        )
        .service(
            page("/oauth-apps/{id}/client/secrets/{secret}/delete")
                .route(web::post().to(client::secrets::delete)),
        )
        .service(
            page("/oauth-apps/{id}/secret")
                .route(visit().to(secret::get))
                .route(web::post().to(secret::post)),
        )
        .service(
            page("/oauth-apps/{id}/delete")
                .route(visit().to(delete::get))
                .route(web::post().to(delete::post)),
        );
}

/// The app that the path names, if it is this account's.
async fn find(app: &App, session: &Session, request: &HttpRequest) -> Result<OauthApp, PageError> {
    let id = path::id(request)?;
    let found = app.store.find_oauth_app(session.account(), id).await?;
    found.ok_or(PageError::NotFound)
}
