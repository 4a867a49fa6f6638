//! `GET /v1/credentials`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{
    api_token::ApiScope, credential::CredentialKind, health::HealthStatus, ids::CredentialId,
};
use keyway_store::CredentialFilter;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer,
        credentials::{self, Shown, apps_of},
        error::{ApiError, ErrorBody},
        page::{List, Page, Paging, Query},
    },
};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `filter` reads it")]
pub(crate) struct Filter {
    /// Those of this provider.
    #[param(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    provider: Option<String>,
    /// Those of this kind.
    #[param(min_length = 1, example = "linear_oauth2")]
    kind: Option<String>,
    /// Those granted to this app.
    oauth_app_id: Option<Uuid>,
    /// Those in this state of health.
    #[param(rename = "health.status", inline)]
    health: Option<credentials::HealthStatus>,
    /// Those of this end user, by your id.
    #[param(min_length = 1)]
    end_user_id: Option<String>,
    /// Those whose metadata contain this JSON object.
    #[param(value_type = Option<Object>)]
    metadata: Option<String>,
}

/// List the credentials.
///
/// Newest first, secrets masked.
#[utoipa::path(
    get, path = "/v1/credentials", operation_id = "listCredentials", tag = "Credentials",
    security(("api_token" = ["credentials:read"])),
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
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_READ, app.now()).await?;
    let query = Query::of(
        &request,
        &[
            "provider",
            "kind",
            "oauth_app_id",
            "health.status",
            "end_user_id",
            "metadata",
            "limit",
            "cursor",
        ],
    )?;
    let filter = filter(&query)?;
    let page: Page<CredentialId> = Page::of(&query)?;
    let rows = app
        .store
        .list_credentials(token.account_id, &filter, page.cursor, page.asked())
        .await?;
    let apps = apps_of(&app, token.account_id, &rows).await?;
    let list = page.cut(
        rows,
        |row| row.id,
        |row| {
            let client = apps.iter().find(|app| app.id == row.oauth_app_id);
            Shown::of(row, client)
        },
    );
    Ok(list.respond())
}

fn filter(query: &Query) -> Result<CredentialFilter, ApiError> {
    let health = match query.one("health.status")? {
        None => None,
        Some(text) => Some(HealthStatus::parse(text).ok_or_else(|| {
            ApiError::Malformed("health.status is one of ok, warn and error.".into())
        })?),
    };
    Ok(CredentialFilter {
        provider: query.read("provider", "the slug of a provider")?,
        kind: query.text("kind")?.map(CredentialKind),
        oauth_app_id: query.read("oauth_app_id", "a UUID")?,
        health,
        end_user_id: query.text("end_user_id")?,
        metadata: query.object("metadata")?,
    })
}
