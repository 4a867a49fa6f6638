//! `/providers/{slug}/delete`: asks first.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_domain::provider::ProviderSlug;
use keyway_store::DefinitionDeletion;
use keyway_web::page;
use serde::Deserialize;

use super::{own, slug};
use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

#[derive(Template)]
#[template(path = "console/providers/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    slug: &'a ProviderSlug,
    name: String,
    /// It was tried, and so many apps need it.
    in_use: Option<i64>,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    let shown = async {
        let slug = slug(&request)?;
        own(&app, &session, &slug).await?;
        confirm(&request, &session, &slug, None)
    };
    answer(&request, shown.await)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, delete(&app, &request, &submitted.session).await)
}

async fn delete(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let slug = slug(request)?;
    let deletion = app
        .store
        .delete_definition(session.account(), &slug, session.actor(), app.now())
        .await?;
    match deletion {
        DefinitionDeletion::Deleted => Ok(page::see_other("/providers?done=provider-deleted")),
        DefinitionDeletion::Unknown => Err(PageError::NotFound),
        DefinitionDeletion::InUse(apps) => confirm(request, session, &slug, Some(apps)),
    }
}

fn confirm(
    request: &HttpRequest,
    session: &Session,
    slug: &ProviderSlug,
    in_use: Option<i64>,
) -> Result<HttpResponse, PageError> {
    let status = match in_use {
        Some(_) => StatusCode::CONFLICT,
        None => StatusCode::OK,
    };
    let page = DeletePage {
        frame: Frame::new(session, request),
        name: session.providers.name(slug.as_str()),
        slug,
        in_use,
    };
    show(status, &page)
}
