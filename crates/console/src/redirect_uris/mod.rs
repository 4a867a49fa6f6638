//! Redirect URIs: where flows may end, for all apps of the account.

mod delete;
mod list;

use actix_web::web::{self, ServiceConfig};

use crate::{page, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            page("/redirect-uris")
                .route(visit().to(list::get))
                .route(web::post().to(list::post)),
        )
        .service(
            page("/redirect-uris/{id}/delete")
                .route(visit().to(delete::get))
                .route(web::post().to(delete::post)),
        );
}
