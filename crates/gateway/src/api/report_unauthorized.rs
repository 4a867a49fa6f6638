//! `POST /v1/credentials/{id}/report-unauthorized`: the provider said no to a token that Keyway
//! handed out. Keyway looks for itself before it says so too.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::TimeDelta;
use keyway_domain::{
    api_token::ApiScope,
    health::{Health, HealthStatus},
    ids::CredentialId,
};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    api::{body, credential_token::find, error::ApiError, unserved::RefreshError},
    lifecycle::{
        fresh::{self, Demand, Opened, Unserved},
        verify,
    },
};

/// A token that was refreshed within this is newer than what is reported, in all likelihood.
const RECENT: TimeDelta = TimeDelta::seconds(10);

/// What the provider said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnauthorizedReport {
    /// The status that it answered with.
    status: Option<u16>,
}

/// What Keyway found.
#[derive(Serialize)]
pub(crate) struct CredentialHealth<'a> {
    /// The credential's id.
    id: CredentialId,
    /// Whether it works.
    health: &'a Health,
}

/// Verifies a credential whose token a provider refused: by a refresh where there is a way, else by
/// asking the provider whose the token is.
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    let report: UnauthorizedReport = if body.is_empty() {
        UnauthorizedReport::default()
    } else {
        body::parse(&body)?
    };
    tracing::info!(credential = %credential.id, status = report.status, "reported as unauthorized");
    let id = credential.id;
    let opened = Opened::of(&app, credential)?;
    let health = look(&app, &opened).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CredentialHealth {
            id,
            health: &health,
        }))
}

async fn look(app: &web::Data<App>, opened: &Opened) -> Result<Health, RefreshError> {
    let credential = &opened.credential;
    if !opened.is_refreshable(app) {
        return Ok(verify::verify(app, opened).await?);
    }
    let now = app.now();
    let is_recent = |at| now - at < RECENT;
    if credential.health.status == HealthStatus::Error
        || credential.refreshed_at.is_some_and(is_recent)
    {
        return Ok(credential.health.clone());
    }
    let demand = Demand {
        forced: false,
        patient: true,
    };
    match fresh::renew(app, credential, demand).await {
        Ok(renewed) => Ok(renewed.credential.health),
        Err(Unserved::Reconnect(health)) => Ok(health),
        Err(Unserved::Failed { .. } | Unserved::BackingOff(_) | Unserved::Busy) => {
            let found = app
                .store
                .find_stored_credential(credential.account_id, credential.id)
                .await?;
            let found = found.ok_or(ApiError::NotFound("credential"))?;
            Ok(found.health)
        }
        Err(error) => Err(error.into()),
    }
}
