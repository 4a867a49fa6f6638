//! `POST /v1/credentials/start-auth`: a one-time link into the flow.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    SecretString,
    api_token::ApiScope,
    authorization_session::MAX_STATE,
    ids::{AccountId, StartLinkId},
    opaque::{OpaqueToken as _, StartToken},
    redirect_uri::RedirectUri,
    scope::Scopes,
    sealed::Place,
};
use keyway_store::{LinkTarget, NewStartLink};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::{ApiError, ErrorBody},
        idempotency::{self, IdempotencyKey, Reply},
    },
    error::Fault,
    link::parse_id,
};

/// How long the link is good for.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What the link is to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartAuth {
    #[schema(value_type = Uuid)]
    oauth_app_id: String,
    /// The kind that you expect of the app.
    #[schema(example = "linear_oauth2")]
    credential_kind: Option<String>,
    /// A registered redirect URI, expanded for the app's provider, or its `:provider` template.
    redirect_url: String,
    /// Comes back with the code: a text as it is, anything else as JSON text; at most 5 kB.
    state: Option<Value>,
    /// Replaces the app's scopes; with spaces.
    scope: Option<String>,
    /// Provider variables.
    #[serde(default)]
    params: BTreeMap<String, String>,
}

/// A one-time link.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartLinkMade {
    /// Good once, for five minutes.
    start_url: String,
}

/// Make a one-time link into the flow.
///
/// It is for the browser of one end user.
#[utoipa::path(
    post, path = "/v1/credentials/start-auth", operation_id = "makeStartLink", tag = "Flow",
    security(("api_token" = ["link_sessions:write"])),
    params(IdempotencyKey),
    request_body = StartAuth,
    responses(
        (status = 200, description = "The link.", body = StartLinkMade),
        (status = 409, description = "A request with this `Idempotency-Key` is still under way.", body = ErrorBody),
        (status = 422, description = "Some fields are not valid.", body = ErrorBody),
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
    let account = token.account_id;
    idempotency::once(&app, &request, account, &body, now, async || {
        start(&app, account, &body, now).await
    })
    .await
}

async fn start(
    app: &App,
    account: AccountId,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let read: StartAuth = body::parse(body)?;
    let target = find_target(app, account, &read.oauth_app_id).await?;
    let checked = check(app, &target, &read).await?;
    let id = StartLinkId::generate(now, app.random.as_ref());
    let secret = StartToken::generate(app.random.as_ref());
    let sealed_state = checked
        .state
        .map(|state| app.seal(&Place::start_link_state(id, target.account_id), &state))
        .transpose()
        .map_err(Fault::from)?;
    let link = NewStartLink {
        id,
        account_id: target.account_id,
        oauth_app_id: target.oauth_app_id,
        digest: app.ring.digest(&secret),
        redirect_uri: read.redirect_url,
        sealed_state,
        scopes: checked.scopes,
        variables: checked.variables,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    app.store.insert_start_link(&link).await?;
    let path = format!("/link/oauth2/start/{}", secret.secret().expose());
    Reply::ok(&StartLinkMade {
        start_url: app.public_url.join(&path),
    })
}

async fn find_target(app: &App, account: AccountId, id: &str) -> Result<LinkTarget, ApiError> {
    let found = match parse_id(id) {
        Some(id) => app.store.find_link_target(id).await?,
        None => None,
    };
    found
        .filter(|target| target.account_id == account)
        .ok_or_else(|| ApiError::field("oauth_app_id", "there is no such OAuth app"))
}

struct Checked {
    state: Option<SecretString>,
    scopes: Option<Scopes>,
    variables: BTreeMap<String, String>,
}

async fn check(app: &App, target: &LinkTarget, read: &StartAuth) -> Result<Checked, ApiError> {
    let provider = app
        .catalogue
        .find(target.account_id, &target.provider)
        .await?
        .ok_or_else(|| ApiError::field("oauth_app_id", "its provider is not in the catalogue"))?;
    let kind = &provider.definition.credential.kind.0;
    if read
        .credential_kind
        .as_ref()
        .is_some_and(|asked| asked != kind)
    {
        return Err(ApiError::field(
            "credential_kind",
            format!("this app yields {kind}"),
        ));
    }
    if RedirectUri::prove(&read.redirect_url, &target.provider, &target.redirect_uris).is_none() {
        return Err(ApiError::field(
            "redirect_url",
            "this address is not registered",
        ));
    }
    // A text comes back as it is, anything else as JSON.
    let state = read.state.as_ref().map(|state| match state {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
        return Err(ApiError::field("state", "at most 5 kB"));
    }
    let scopes = read.scope.as_deref().map(Scopes::parse).transpose();
    let given = read
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Checked {
        state: state.map(SecretString::new),
        scopes: scopes.map_err(|error| ApiError::field("scope", error.to_string()))?,
        variables: provider
            .definition
            .check_variables(given)
            .map_err(|error| ApiError::field("params", error.to_string()))?,
    })
}
