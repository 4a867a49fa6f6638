//! `POST /v1/credentials/{id}/report-unauthorized`: the provider said no to a token that Keyway
//! handed out. Keyway looks for itself before it says so too.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::TimeDelta;
use keyway_domain::{
    api_token::ApiScope,
    health::{Health, HealthStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        body,
        credentials::{self, token::find},
        error::{ApiError, ErrorBody},
        unserved::RefreshError,
    },
    lifecycle::{
        fresh::{self, Demand, Opened, Unserved},
        verify,
    },
};

/// A token that was refreshed within this is newer than what is reported, in all likelihood.
const RECENT: TimeDelta = TimeDelta::seconds(10);

/// What the provider said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnauthorizedReport {
    /// The status that it answered with.
    #[serde(default, deserialize_with = "body::integer")]
    status: Option<i64>,
}

/// What Keyway found.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialHealth {
    id: Uuid,
    health: credentials::Health,
}

/// Report that a provider refused the token.
///
/// Keyway verifies it: by a refresh where there is a way, else by asking the provider whose the token
/// is.
#[utoipa::path(
    post, path = "/v1/credentials/{id}/report-unauthorized", operation_id = "reportUnauthorized",
    tag = "Credentials",
    security(("api_token" = ["credentials:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    request_body = Option<UnauthorizedReport>,
    responses(
        (status = 200, description = "What Keyway found.", body = CredentialHealth),
        (status = 404, description = "There is no such credential.", body = ErrorBody),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
) -> Result<HttpResponse, RefreshError> {
    let now = app.now();
    let credential = find(&app, &request, &id, ApiScope::CREDENTIALS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    let report: UnauthorizedReport = body::parse_or_default(&body)?;
    tracing::info!(credential = %credential.id, status = report.status, "reported as unauthorized");
    let id = credential.id;
    let opened = Opened::of(&app, credential)?;
    let health = look(&app, &opened).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(CredentialHealth {
            id: id.uuid(),
            health: credentials::Health::of(health),
        }))
}

async fn look(app: &web::Data<App>, opened: &Opened) -> Result<Health, RefreshError> {
    let credential = &opened.credential;
    if !opened.is_refreshable(app).await? {
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
