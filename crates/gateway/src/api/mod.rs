//! The management API.

pub(crate) mod bearer;
pub(crate) mod error;
mod start_auth;

use actix_web::web;

/// Routes of the API.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/v1/credentials/start-auth").route(web::post().to(start_auth::post)),
    );
}
