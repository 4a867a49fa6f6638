//! `POST /oauth/par`: a client pushes its authorization request before the browser comes (RFC 9126).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    SecretString,
    ids::PushedRequestId,
    oauth_error::ErrorCode,
    opaque::{OpaqueToken as _, PushedRequestUri},
    sealed::Place,
};
use keyway_store::NewPushedRequest;
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    error::Fault,
    link::{
        begin::{self, Refused},
        parameters::Parameters,
        start,
    },
    oauth::{
        authorize::{self, REQUEST_URI},
        client_auth::{self, Client},
        error::{OauthError, OauthProblem},
        form, token,
    },
};

/// How long the browser may take to come.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// What proves the client, and is not to be kept.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// An authorization request, and the client's proof.
#[derive(ToSchema)]
#[expect(dead_code, reason = "what the document says; `push` reads it")]
pub(crate) struct PushedForm {
    /// The Keyway id of the OAuth app; may be left out beside `Authorization: Basic`.
    client_id: Option<Uuid>,
    /// The provider's client secret of the app, or one of `/v1/oauth-apps/{id}/client-secrets`.
    client_secret: Option<String>,
    /// `private_key_jwt` (RFC 7523).
    client_assertion: Option<String>,
    /// That of RFC 7523.
    client_assertion_type: Option<String>,
    /// `code`.
    response_type: String,
    /// A registered redirect URI.
    redirect_uri: String,
    state: Option<String>,
    scope: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    nonce: Option<String>,
    dpop_jkt: Option<String>,
}

/// Where a pushed request is.
#[derive(Serialize, ToSchema)]
#[schema(as = PushedRequest)]
struct Pushed {
    /// For `GET /oauth/authorize`, once.
    request_uri: String,
    /// Seconds.
    expires_in: i64,
}

/// Push an authorization request.
///
/// RFC 9126. Then send the browser to `/oauth/authorize` with `client_id` and `request_uri` alone.
#[utoipa::path(
    post, path = "/oauth/par", operation_id = "pushAuthorizationRequest", tag = "OAuth",
    request_body(content = PushedForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, description = "It is kept for a minute.", body = Pushed),
        (status = 400, description = "`invalid_request`, `invalid_scope` and the like: what `/oauth/authorize` would find fault with.", body = OauthProblem),
        (status = 401, description = "`invalid_client`: the client is unknown, or its proof is missing or wrong.", body = OauthProblem),
        (status = 413, description = "`invalid_request`: the body is larger than 64 kB.", body = OauthProblem),
        (status = 429, description = "`slow_down`: too many wrong proofs.", body = OauthProblem, headers(("Retry-After" = u64, description = "Seconds to wait."))),
        (status = 500, description = "`server_error`: our fault.", body = OauthProblem),
        (status = 503, description = "`temporarily_unavailable`: try again in a moment.", body = OauthProblem),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match push(&app, &request, payload).await {
        Ok(response) => response,
        Err(error) => error.respond(),
    }
}

async fn push(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, OauthError> {
    let now = app.now();
    let form = form::read(request, payload).await?;
    let endpoint = app.public_url.join("/oauth/par");
    let client = client_auth::authenticate(app, request, &form, &endpoint, now).await?;
    if form.one("request_uri")?.is_some() {
        let why = "request_uri cannot be pushed.";
        return Err(OauthError::InvalidRequest(why.into()));
    }
    let proven = token::proven_key(app, request, &client, now).await?;
    let mut kept = form.without(&PROOFS);
    // The key of the proof is the key of the code (RFC 9449 section 10.1).
    match (proven, form.one("dpop_jkt")?) {
        (Some(proven), Some(named)) if proven != named => {
            let why = "dpop_jkt names another key than the DPoP proof.";
            return Err(OauthError::InvalidRequest(why.into()));
        }
        (Some(proven), None) => {
            kept.push_str("&dpop_jkt=");
            kept.push_str(&proven);
        }
        _ => {}
    }
    if form.one("client_id")?.is_none() {
        kept.push_str("&client_id=");
        kept.push_str(&client.app.id.to_string());
    }
    check(app, &client, &kept).await?;
    Ok(keep(app, &client, kept, now).await?)
}

/// Everything that the authorization endpoint would find fault with (RFC 9126 section 2.1).
async fn check(app: &App, client: &Client, kept: &str) -> Result<(), OauthError> {
    let parameters = Parameters::parse(kept.as_bytes());
    let proven = start::prove_app(app, &parameters).await?;
    let refused = |public: &str| OauthError::InvalidRequest(public.to_owned());
    let target = proven.map_err(|unproven| refused(unproven.public()))?;
    if target.oauth_app_id != client.app.id {
        return Err(refused("client_id is not that of the client."));
    }
    let (target, _) = start::prove_redirect_uri(target, &parameters)
        .map_err(|unproven| refused(unproven.public()))?;
    let (account, slug) = (target.account_id, &target.provider);
    let provider = app
        .catalogue
        .find(account, slug)
        .await
        .map_err(Fault::from)?;
    let planned = authorize::wishes(app, provider.as_deref(), &target, &parameters, true)
        .and_then(|wishes| begin::plan(provider.clone(), &target, wishes));
    match planned {
        Ok(_) => Ok(()),
        Err(Refused {
            code: ErrorCode::InvalidRequest,
            description,
            ..
        }) => Err(OauthError::InvalidRequest(description)),
        Err(Refused {
            code, description, ..
        }) => Err(OauthError::Refused { code, description }),
    }
}

async fn keep(
    app: &App,
    client: &Client,
    parameters: String,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    let id = PushedRequestId::generate(now, app.random.as_ref());
    let uri = PushedRequestUri::generate(app.random.as_ref());
    let account = client.app.account_id;
    let place = Place::pushed_parameters(id, account);
    let new = NewPushedRequest {
        id,
        account_id: account,
        oauth_app_id: client.app.id,
        digest: app.ring.digest(&uri),
        sealed_parameters: app.seal(&place, &SecretString::new(parameters))?,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    app.store.insert_pushed_request(&new).await?;
    let body = Pushed {
        request_uri: format!("{REQUEST_URI}{}", uri.secret().expose()),
        expires_in: LIFETIME.num_seconds(),
    };
    let response = HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body);
    Ok(with_detail(response, "authorization request pushed"))
}
