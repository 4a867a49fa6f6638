//! `GET /v1/oauth-apps`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, ids::OauthAppId};
use keyway_store::OauthAppFilter;
use utoipa::IntoParams;

use crate::{
    App,
    api::{
        bearer,
        error::{ApiError, ErrorBody},
        oauth_apps::Shown,
        page::{List, Page, Paging, Query},
    },
};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `list` reads it")]
pub(crate) struct Filter {
    /// Those of this provider.
    #[param(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    provider: Option<String>,
    /// Those whose metadata contain this JSON object.
    #[param(value_type = Option<Object>)]
    metadata: Option<String>,
}

/// List the OAuth apps.
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/oauth-apps", operation_id = "listOauthApps", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:read"])),
    params(Filter, Paging),
    responses(
        (status = 200, description = "A page.", body = List<Shown>),
        (status = 422, description = "What nothing can have: a NUL, or metadata over 16 kB.", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_READ, app.now()).await?;
    let query = Query::of(&request, &["provider", "metadata", "limit", "cursor"])?;
    let filter = OauthAppFilter {
        provider: query.read("provider", "the slug of a provider")?,
        metadata: query.object("metadata")?,
    };
    let page: Page<OauthAppId> = Page::of(&query)?;
    let rows = app
        .store
        .search_oauth_apps(token.account_id, &filter, page.cursor, page.asked())
        .await?;
    let list = page.cut(rows, |row| row.id, |row| Shown::of(&row));
    Ok(list.respond())
}
