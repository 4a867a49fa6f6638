//! API tokens: what the management API knows the client's backends by.

mod list;
mod new;
mod revoke;
mod scopes;

use actix_web::web::{self, ServiceConfig};

use crate::{page, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/api-tokens").route(visit().to(list::get)))
        .service(
            page("/api-tokens/new")
                .route(visit().to(new::get))
                .route(web::post().to(new::post)),
        )
        .service(
            page("/api-tokens/{id}/revoke")
                .route(visit().to(revoke::get))
                .route(web::post().to(revoke::post)),
        );
}
