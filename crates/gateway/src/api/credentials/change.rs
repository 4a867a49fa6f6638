//! `PATCH /v1/credentials/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{api_token::ApiScope, audit::Actor, credential, ids::CredentialId, metadata};
use keyway_store::CredentialChange;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        credentials::{Shown, WHAT},
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        path,
        problems::Problems,
        revision::{self, IfMatch},
    },
};

/// What to change; what is absent stays. Tokens change by another import or authorization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CredentialChange)]
pub(crate) struct Change {
    /// A name; `null` takes it away.
    #[serde(default, deserialize_with = "body::nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    #[expect(clippy::option_option, reason = "absent, null, or there")]
    name: Option<Option<String>>,
    /// In place of what was there; at most 16 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// Change a credential.
///
/// Its name and its metadata.
#[utoipa::path(
    patch, path = "/v1/credentials/{id}", operation_id = "changeCredential", tag = "Credentials",
    security(("api_token" = ["credentials:write"])),
    params(("id" = Uuid, Path, description = "Its id."), IfMatch),
    request_body = Change,
    responses(
        (status = 200, description = "As it is now.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
        (status = 412, description = "It was changed since: its revision is not that of `If-Match`.", body = ErrorBody),
        (status = 422, description = "Some fields are not valid.", body = ErrorBody),
    )
)]
pub(crate) async fn patch(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_WRITE, now).await?;
    let id: CredentialId = path::id(&request, WHAT)?;
    let mut change = check(body::parse(&body::read(&request, payload).await?)?)?;
    change.revision = revision::expected(&request)?;
    let account = token.account_id;
    let changed = app
        .store
        .update_credential(account, id, &change, Actor::ApiToken(token.id), now)
        .await?;
    match changed {
        Some(found) => {
            let revision = found.revision;
            Ok(Reply::ok(&Shown::read(&app, found).await?)?
                .of_revision(revision)
                .respond())
        }
        None if app.store.find_credential(account, id).await?.is_some() => {
            Err(ApiError::PreconditionFailed)
        }
        None => Err(ApiError::NotFound(WHAT)),
    }
}

fn check(read: Change) -> Result<CredentialChange, ApiError> {
    let mut problems = Problems::default();
    let name = read
        .name
        .map(|name| name.as_deref().map(credential::name).transpose());
    let name = problems.take("name", name.transpose()).flatten();
    if let Some(metadata) = &read.metadata {
        problems.take("metadata", metadata::check(metadata));
    }
    problems.settle(Some(CredentialChange {
        name,
        metadata: read.metadata,
        revision: None,
    }))
}
