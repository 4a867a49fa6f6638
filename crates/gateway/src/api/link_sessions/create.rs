//! `POST /v1/link-sessions`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    SecretString,
    api_token::ApiScope,
    audit::Actor,
    authorization_session::MAX_STATE,
    credential::EndUser,
    ids::LinkSessionId,
    metadata,
    opaque::{LinkSessionToken, OpaqueToken as _},
    sealed::Place,
};
use keyway_store::{FoundApiToken, NewLinkSession};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::offer;
use crate::{
    App,
    api::{
        bearer, body, credentials,
        error::ApiError,
        idempotency::{self, IdempotencyKey, Reply},
        problems::Problems,
    },
    error::Fault,
};

/// How long a session lasts if nothing else is asked for.
const LIFETIME: i64 = 30 * 60;
const SHORTEST: i64 = 60;
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// A hosted page to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLinkSession {
    /// What the end user may connect; absent: all of the account's OAuth apps.
    #[schema(value_type = Option<Vec<Uuid>>)]
    oauth_app_ids: Option<Vec<String>>,
    /// Where the flow ends, with a code: a registered redirect URI. Absent: on a hosted page, and the
    /// credential is made at once.
    redirect_uri: Option<String>,
    /// Comes back at the redirect URI byte for byte, and in the token response.
    #[schema(value_type = Option<String>, max_length = 5120)]
    state: Option<SecretString>,
    /// Whom the page is for.
    #[serde(deserialize_with = "body::object")]
    #[schema(value_type = credentials::EndUser)]
    end_user: EndUser,
    /// Kept with the credential; at most 16 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Variables of the providers; what is missing is asked for on a hosted form.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// Replaces the app's scopes. Only for apps of one provider.
    scope: Option<String>,
    /// The credential to reconnect: only the same external account is taken.
    #[schema(value_type = Option<Uuid>)]
    credential_id: Option<String>,
    /// Seconds until the page expires.
    #[schema(minimum = 60, maximum = 604_800, default = 1800)]
    #[serde(default, deserialize_with = "body::integer")]
    expires_in: Option<i64>,
}

/// A hosted page that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedLinkSession {
    #[schema(value_type = Uuid)]
    id: LinkSessionId,
    /// The page, for this end user's browser alone. It is not shown again.
    url: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// Make a link session
///
/// A hosted page on which one end user makes one connection.
#[utoipa::path(
    post,
    path = "/v1/link-sessions", operation_id = "createLinkSession", tag = "Link sessions",
    security(("api_token" = ["link_sessions:write"])),
    request_body = CreateLinkSession,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The page is there.", body = CreatedLinkSession),
        (status = 422, description = "A field is not valid."),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::LINK_SESSIONS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        create(&app, &token, &body, now).await
    })
    .await
}

async fn create(
    app: &App,
    token: &FoundApiToken,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let read: CreateLinkSession = body::parse(body)?;
    let account = token.account_id;
    let lifetime = check(&read)?;
    let credential = offer::find_credential(app, account, read.credential_id.as_deref()).await?;
    let registered = app.store.list_oauth_apps(account).await?;
    let chosen = offer::choose(
        app,
        account,
        &registered,
        read.oauth_app_ids.as_deref(),
        credential,
    )
    .await?;
    if let Some(uri) = &read.redirect_uri {
        offer::check_redirect_uri(app, account, uri, &chosen).await?;
    }
    offer::check_params(&chosen, &read.params)?;
    let scopes = offer::scopes(&chosen, read.scope.as_deref())?;

    let id = LinkSessionId::generate(now, app.random.as_ref());
    let secret = LinkSessionToken::generate(app.random.as_ref());
    let place = Place::link_session_state(id, account);
    let sealed_state = read.state.as_ref().map(|state| app.seal(&place, state));
    let expires_at = now + lifetime;
    let new = NewLinkSession {
        id,
        account_id: account,
        digest: app.ring.digest(&secret),
        oauth_app_ids: chosen.iter().map(|(app, _)| app.id).collect(),
        redirect_uri: read.redirect_uri,
        sealed_state: sealed_state.transpose().map_err(Fault::from)?,
        scopes,
        variables: read.params,
        end_user: read.end_user,
        metadata: read.metadata,
        credential_id: credential.map(|(id, _)| id),
        created_at: now,
        expires_at,
    };
    app.store
        .insert_link_session(&new, Actor::ApiToken(token.id))
        .await?;
    let path = format!("/link/session/{}", secret.secret().expose());
    Reply::created(&CreatedLinkSession {
        id,
        url: app.public_url.join(&path),
        expires_at,
    })
}

/// What can be judged by itself; how long the session lasts.
fn check(read: &CreateLinkSession) -> Result<TimeDelta, ApiError> {
    let mut problems = Problems::default();
    let lifetime = problems.take("expires_in", lifetime(read.expires_in));
    for (field, why) in read.end_user.problems() {
        problems.take(&format!("end_user.{field}"), Err::<(), _>(why));
    }
    problems.take(
        "metadata",
        read.metadata.as_ref().map_or(Ok(()), metadata::check),
    );
    let is_long = |state: &SecretString| state.expose().len() > MAX_STATE;
    if read.state.as_ref().is_some_and(is_long) {
        problems.take("state", Err::<(), _>("at most 5 kB"));
    }
    problems.settle(lifetime)
}

fn lifetime(asked: Option<i64>) -> Result<TimeDelta, String> {
    let seconds = asked.unwrap_or(LIFETIME);
    (SHORTEST..=LONGEST)
        .contains(&seconds)
        .then(|| TimeDelta::seconds(seconds))
        .ok_or_else(|| format!("from {SHORTEST} to {LONGEST} seconds"))
}
