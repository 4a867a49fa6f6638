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
use serde_json::json;

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
        error::OauthError,
        form, token,
    },
};

/// How long the browser may take to come.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);
/// What proves the client, and is not to be kept.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Push an authorization request.
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
    let planned = authorize::wishes(app, &target, &parameters, true)
        .and_then(|wishes| begin::plan(app, &target, wishes));
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
    let body = json!({
        "request_uri": format!("{REQUEST_URI}{}", uri.secret().expose()),
        "expires_in": LIFETIME.num_seconds(),
    });
    let response = HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body);
    Ok(with_detail(response, "authorization request pushed"))
}
