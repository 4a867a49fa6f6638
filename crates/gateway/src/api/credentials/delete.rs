//! `DELETE /v1/credentials/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{
    api_token::ApiScope,
    audit::Actor,
    ids::CredentialId,
    revocation::{self, RevocationOutcome},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer,
        credentials::WHAT,
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        path,
        revision::{self, IfMatch},
    },
    lifecycle::revoke,
};

/// A credential that was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedCredential {
    id: Uuid,
    deleted: bool,
    /// What the provider made of it; `null` if it has not been asked yet.
    revocation: Option<Revocation>,
}

/// What the provider made of the end of a grant.
#[derive(Debug, Serialize, ToSchema)]
struct Revocation {
    outcome: Outcome,
    /// Why.
    detail: Option<String>,
}

/// `superseded`: not asked, as the same external account was connected again. `failed`: what may
/// help is tried again in the background.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevocationOutcome)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Revoked,
    Unsupported,
    Superseded,
    Failed,
}

impl Revocation {
    fn of(revocation: revocation::Revocation) -> Self {
        Self {
            outcome: match revocation.outcome {
                RevocationOutcome::Revoked => Outcome::Revoked,
                RevocationOutcome::Unsupported => Outcome::Unsupported,
                RevocationOutcome::Superseded => Outcome::Superseded,
                RevocationOutcome::Failed => Outcome::Failed,
            },
            detail: revocation.detail,
        }
    }
}

/// Delete a credential.
///
/// The provider is asked to end the grant.
#[utoipa::path(
    delete, path = "/v1/credentials/{id}", operation_id = "deleteCredential", tag = "Credentials",
    security(("api_token" = ["credentials:write"])),
    params(("id" = Uuid, Path, description = "Its id."), IfMatch),
    responses(
        (status = 200, description = "It is deleted, whatever the provider made of it.", body = DeletedCredential),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
        (status = 412, description = "It was changed since: its revision is not that of `If-Match`.", body = ErrorBody),
    )
)]
pub(crate) async fn delete(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_WRITE, app.now()).await?;
    let id: CredentialId = path::id(&request, WHAT)?;
    let expected = revision::expected(&request)?;
    let actor = Actor::ApiToken(token.id);
    match revoke::delete_credential(&app, token.account_id, id, expected, actor).await? {
        revoke::Deleted::Deleted(revocation) => Ok(Reply::ok(&DeletedCredential {
            id: id.uuid(),
            deleted: true,
            revocation: revocation.map(Revocation::of),
        })?
        .respond()),
        revoke::Deleted::Unknown => Err(ApiError::NotFound(WHAT)),
        revoke::Deleted::Changed => Err(ApiError::PreconditionFailed),
    }
}
