//! `GET /v1/credentials/{id}/token`: a token that is good, refreshed if need be.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, SecondsFormat, Utc};
use keyway_domain::{api_token::ApiScope, ids::CredentialId};
use keyway_store::StoredCredential;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    App,
    api::{bearer, error::ApiError, unserved::RefreshError},
    grant,
    lifecycle::fresh::{self, Opened},
};

/// How to ask for a token.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenQuery {
    /// Refresh even if the token is fresh.
    #[serde(default)]
    force: bool,
}

/// A token that is good now, and all else that the credential is made of. Secrets in clear.
#[derive(Serialize)]
pub(crate) struct CredentialToken<'a> {
    /// The access token.
    access_token: Option<&'a str>,
    /// Its type, in the provider's spelling.
    token_type: &'a str,
    /// When it ends, if it does and anybody knows.
    expires_at: Option<String>,
    /// The granted scopes, with spaces between them.
    scope: Option<&'a str>,
    /// `kind` and the properties of that kind.
    properties: Map<String, Value>,
}

/// A token of the credential that is good for a minute at least; if the provider cannot be reached,
/// one that is still good.
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let query = web::Query::<TokenQuery>::from_query(request.query_string())
        .map_err(|_| ApiError::Malformed("force is true or false.".into()))?;
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_TOKEN, now).await?;
    let opened = fresh::serve(&app, credential, query.force).await?;
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

/// The credential of a request, if its API token may do this with it: one round trip to the database.
pub(super) async fn find(
    app: &App,
    request: &HttpRequest,
    id: &str,
    scope: ApiScope,
    now: DateTime<Utc>,
) -> Result<StoredCredential, ApiError> {
    let token = bearer::presented(request)?;
    // An id that is none is nobody's credential; the token is judged all the same.
    let known = id.parse::<CredentialId>().ok();
    let known = known.filter(|known| known.to_string() == id.to_ascii_lowercase());
    let id = known.unwrap_or_else(|| uuid::Uuid::nil().into());
    let found = app.store.find_credential_for_read(token, id, now).await?;
    let found = found.ok_or(ApiError::Unauthorized)?;
    app.used_tokens.note(found.token.id);
    if !found.token.allows(scope) {
        return Err(ApiError::Forbidden(scope.as_str()));
    }
    found.credential.ok_or(ApiError::NotFound("credential"))
}
