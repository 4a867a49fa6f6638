//! `GET /v1/credentials/{id}/token`: a token that is good, refreshed if need be.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, SecondsFormat, Utc};
use keyway_domain::{api_token::ApiScope, ids::CredentialId};
use keyway_store::StoredCredential;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer,
        error::{ApiError, ErrorBody},
        page::Query,
        unserved::{NoToken, RefreshError},
    },
    grant,
    lifecycle::fresh::{self, Opened},
    oauth::resource,
};

/// A token that is good now, and all else that the credential is made of. Secrets in clear.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialToken)]
pub(crate) struct CredentialToken<'a> {
    /// The access token.
    access_token: Option<&'a str>,
    /// Its type, in the provider's spelling.
    token_type: &'a str,
    /// When it ends, if it does and anybody knows.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The granted scopes, with spaces between them.
    scope: Option<&'a str>,
    /// `kind` and the properties of that kind.
    #[schema(value_type = Object)]
    properties: Map<String, Value>,
}

/// Get an access token.
///
/// It is good for a minute at least, refreshed if need be; if the provider cannot be reached, it is
/// one that is still good. Secrets are in clear.
#[utoipa::path(
    get, path = "/v1/credentials/{id}/token", operation_id = "readCredentialToken", tag = "Credentials",
    security(("api_token" = ["credentials:token"])),
    params(
        ("id" = Uuid, Path, description = "Its id."),
        ("force" = Option<bool>, Query, description = "Refresh even if the token is fresh."),
    ),
    responses(
        (status = 200, description = "A good token.", body = CredentialToken),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
        (status = 409, description = "The end user must reconnect.", body = NoToken),
        (status = 502, description = "The provider failed, for now. `Retry-After` says when it is asked again.", body = NoToken),
        (status = 504, description = "The provider did not answer in time.", body = NoToken),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let force = Query::of(&request, &["force"])?.flag("force")?;
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_TOKEN, now).await?;
    let opened = fresh::serve(&app, credential, force).await?;
    Ok(answer(&opened))
}

fn answer(opened: &Opened) -> HttpResponse {
    let Opened {
        credential,
        secrets,
    } = opened;
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CredentialToken {
            access_token: secrets.access_token.as_deref(),
            token_type: credential.token_type.as_deref().unwrap_or("Bearer"),
            expires_at: moment(credential.expires_at),
            scope: credential.scope.as_deref(),
            properties: grant::reveal(&credential.kind, &credential.public, secrets),
        })
}

/// A moment as the API writes it.
pub(super) fn moment(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The credential of a request, if its token may do this with it: an API token with the scope, in one
/// round trip to the database; or an access token of Keyway's own, which stands for this credential
/// alone.
pub(crate) async fn find(
    app: &App,
    request: &HttpRequest,
    id: &str,
    scope: ApiScope,
    now: DateTime<Utc>,
) -> Result<StoredCredential, ApiError> {
    if let Some(own) = resource::presented(request) {
        let credential = resource::credential(app, request, own, now).await?;
        let is_it = credential.id.to_string() == id.to_ascii_lowercase();
        return is_it
            .then_some(credential)
            .ok_or(ApiError::NotFound("credential"));
    }
    let token = bearer::presented(request)?;
    // An id that is none is nobody's credential; the token is judged all the same.
    let known = id.parse::<CredentialId>().ok();
    let known = known.filter(|known| known.to_string() == id.to_ascii_lowercase());
    let id = known.unwrap_or_else(|| Uuid::nil().into());
    let found = app.store.find_credential_for_read(token, id, now).await?;
    let found = found.ok_or(ApiError::Unauthorized)?;
    app.used_tokens.note(found.token.id);
    if !found.token.allows(scope) {
        return Err(ApiError::Forbidden(scope.as_str()));
    }
    found.credential.ok_or(ApiError::NotFound("credential"))
}
