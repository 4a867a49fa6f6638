//! Credentials: what providers granted. To be looked at; what must be opened, a gateway opens.

mod ask;
mod gone;
pub(crate) mod health;
mod job;
mod list;
mod show;
mod timeline;

use actix_web::web::{self, ServiceConfig};

use crate::{page, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/credentials").route(visit().to(list::get)))
        .service(page("/credentials/{id}").route(visit().to(show::get)))
        .service(page("/credentials/{id}/refresh").route(web::post().to(ask::refresh)))
        .service(
            page("/credentials/{id}/revoke")
                .route(visit().to(ask::confirm_revoke))
                .route(web::post().to(ask::revoke)),
        )
        .service(
            page("/credentials/{id}/delete")
                .route(visit().to(ask::confirm_delete))
                .route(web::post().to(ask::delete)),
        );
}

/// What people call a credential: the client's name for it, or the provider's.
pub(crate) fn title(credential: &keyway_domain::credential::Credential) -> &str {
    let external = &credential.external;
    let name = credential.name.as_deref().or(external.label.as_deref());
    name.filter(|name| !name.trim().is_empty())
        .unwrap_or(&external.id)
}
