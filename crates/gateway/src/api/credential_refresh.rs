//! `POST /v1/credentials/{id}/refresh`: now, whatever the state of the token.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use keyway_domain::{api_token::ApiScope, health::Health, ids::CredentialId};
use serde::Serialize;

use crate::{
    App,
    api::{
        credential_token::{find, moment},
        unserved::RefreshError,
    },
    lifecycle::fresh,
};

/// How a credential is after a refresh.
#[derive(Serialize)]
pub(crate) struct CredentialState<'a> {
    /// Its id.
    id: CredentialId,
    /// Whether it works.
    health: &'a Health,
    /// When the access token ends, if it does and anybody knows.
    expires_at: Option<String>,
}

/// Refreshes the credential now: even if its token is fresh, and even if the provider failed a
/// moment ago.
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_WRITE, now).await?;
    let renewed = fresh::insist(&app, credential).await?;
    let credential = &renewed.credential;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CredentialState {
            id: credential.id,
            health: &credential.health,
            expires_at: moment(credential.expires_at),
        }))
}
