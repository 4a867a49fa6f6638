//! `GET /v1/credentials/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, ids::CredentialId};

use crate::{
    App,
    api::{
        bearer,
        credentials::{Shown, WHAT},
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        path,
    },
};

/// Read a credential.
///
/// Secrets are masked.
#[utoipa::path(
    get, path = "/v1/credentials/{id}", operation_id = "readCredential", tag = "Credentials",
    security(("api_token" = ["credentials:read"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The credential.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_READ, app.now()).await?;
    let id: CredentialId = path::id(&request, WHAT)?;
    let found = app.store.find_credential(token.account_id, id).await?;
    let found = found.ok_or(ApiError::NotFound(WHAT))?;
    let revision = found.revision;
    Ok(Reply::ok(&Shown::read(&app, found).await?)?
        .of_revision(revision)
        .respond())
}
