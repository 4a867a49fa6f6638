//! Providers: the catalogue, and what the account adds to it.

mod browse;
mod compose;
mod delete;
mod edit;
mod fields;
mod new;
mod restore;
mod show;
mod text;

use actix_web::{
    HttpRequest,
    web::{self, ServiceConfig},
};
use keyway_domain::provider::ProviderSlug;
use keyway_store::SavedDefinition;

use crate::{App, error::PageError, page, session::Session, visit};

/// Routes of the room.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(page("/providers").route(visit().to(browse::get)))
        .service(
            page("/providers/new")
                .route(visit().to(new::get))
                .route(web::post().to(new::post)),
        )
        .service(
            page("/providers/new/text")
                .route(visit().to(text::get))
                .route(web::post().to(text::post)),
        )
        .service(page("/providers/{slug}").route(visit().to(show::get)))
        .service(
            page("/providers/{slug}/edit")
                .route(visit().to(edit::get))
                .route(web::post().to(edit::post)),
        )
        .service(page("/providers/{slug}/restore").route(web::post().to(restore::post)))
        .service(
            page("/providers/{slug}/delete")
                .route(visit().to(delete::get))
                .route(web::post().to(delete::post)),
        );
}

/// The slug in the path.
fn slug(request: &HttpRequest) -> Result<ProviderSlug, PageError> {
    let slug = request.match_info().query("slug");
    ProviderSlug::parse(slug).map_err(|_| PageError::NotFound)
}

/// The account's own provider that the path names, with its versions, newest first. Never empty.
async fn own(
    app: &App,
    session: &Session,
    slug: &ProviderSlug,
) -> Result<Vec<SavedDefinition>, PageError> {
    let versions = app
        .store
        .list_definition_versions(session.account(), slug)
        .await?;
    if versions.is_empty() {
        return Err(PageError::NotFound);
    }
    Ok(versions)
}
