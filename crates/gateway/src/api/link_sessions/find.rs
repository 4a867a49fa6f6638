//! `GET /v1/link-sessions/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::ApiScope,
    credential::EndUser,
    ids::{CredentialId, LinkSessionId, OauthAppId},
};
use keyway_store::LinkSession;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    App,
    api::{bearer, credentials, error::ApiError, idempotency::Reply, path},
};

/// A hosted page, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownLinkSession {
    #[schema(value_type = Uuid)]
    id: LinkSessionId,
    /// `open`; `used` once a connection was made; `expired`.
    #[schema(value_type = String, pattern = "^(open|used|expired)$")]
    status: &'static str,
    /// The credential to reconnect. Of a used session the one that was made: null until its code is
    /// redeemed.
    #[schema(value_type = Option<Uuid>)]
    credential_id: Option<CredentialId>,
    #[schema(value_type = Vec<Uuid>)]
    oauth_app_ids: Vec<OauthAppId>,
    redirect_uri: Option<String>,
    #[schema(value_type = credentials::EndUser)]
    end_user: EndUser,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

/// Show a link session
///
/// Whether it is open, used or expired, and the credential that was made.
#[utoipa::path(
    get,
    path = "/v1/link-sessions/{id}", operation_id = "readLinkSession", tag = "Link sessions",
    security(("api_token" = ["link_sessions:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The session.", body = ShownLinkSession),
        (status = 404, description = "The account has no such session, or it was erased a week after its end, or with its credential."),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    const WHAT: &str = "link session";
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::LINK_SESSIONS_WRITE, now).await?;
    let id: LinkSessionId = path::id(&request, WHAT)?;
    let found = app.store.find_link_session_of(token.account_id, id).await?;
    let session = found.ok_or(ApiError::NotFound(WHAT))?;
    Ok(Reply::ok(&shown(session, now))?.respond())
}

fn shown(session: LinkSession, now: DateTime<Utc>) -> ShownLinkSession {
    ShownLinkSession {
        id: session.id,
        status: session.status(now).as_str(),
        credential_id: session.credential.map(|credential| credential.id),
        oauth_app_ids: session.apps.into_iter().map(|app| app.id).collect(),
        redirect_uri: session.redirect_uri,
        end_user: session.end_user,
        metadata: session.metadata.unwrap_or_default(),
        created_at: session.created_at,
        expires_at: session.expires_at,
        used_at: session.used_at,
    }
}
