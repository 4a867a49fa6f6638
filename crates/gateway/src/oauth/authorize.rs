//! `GET /oauth/authorize`, and `/authorize` for clients that know no other.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_session::OauthRequest, oauth_error::ErrorCode, opaque::PushedRequestUri,
    scope::Scopes, sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::LinkTarget;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin::{Refused, Wishes},
        parameters::{Parameters, Repeated},
        start::{self, Door, parse_id},
    },
};

/// Before the random part of a `request_uri` (RFC 9126 section 2.2).
pub(crate) const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";

/// Scopes that Keyway itself answers (OpenID Connect Core section 3.1.2.1 and 11).
const OPENID: &str = "openid";
const OFFLINE_ACCESS: &str = "offline_access";

/// The longest `nonce`, in bytes.
const MAX_NONCE: usize = 512;

/// The parameters of an authorization request.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `wishes` reads them")]
pub(crate) struct AuthorizationParameters {
    /// The Keyway id of the OAuth app.
    client_id: Uuid,
    /// `code`. Left out, like all that follows, where `request_uri` is given.
    response_type: Option<String>,
    /// A registered redirect URI, expanded for the app's provider, or its `:provider` template.
    redirect_uri: Option<String>,
    /// Comes back byte for byte; at most 5 kB.
    state: Option<String>,
    /// `openid` for an id token; all others are the provider's, in place of the app's.
    scope: Option<String>,
    /// PKCE (RFC 7636).
    code_challenge: Option<String>,
    /// `S256`, the only one there is.
    code_challenge_method: Option<String>,
    /// Comes back in the id token.
    nonce: Option<String>,
    /// Thumbprint of the key that the code is bound to (RFC 9449).
    dpop_jkt: Option<String>,
    /// What `POST /oauth/par` answered (RFC 9126).
    request_uri: Option<String>,
}

/// Start a flow, as an OAuth library does.
///
/// RFC 6749 section 4.1.1. Provider variables come as `param.NAME`. Every answer carries `iss`
/// (RFC 9207). `/authorize` is the same.
#[utoipa::path(
    get, path = "/oauth/authorize", operation_id = "authorize", tag = "OAuth",
    params(AuthorizationParameters),
    responses(
        (status = 200, description = "A form that asks for what is missing.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 302, description = "To the provider; or with `error`, to your redirect URI.", headers(("Location" = String, description = "Where to."))),
        (status = 400, description = "A page: the app or the redirect URI is not proven, so nobody is redirected.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let query = Parameters::parse(request.query_string().as_bytes());
    match enter(&app, &request, query, app.now()).await {
        Ok(response) => response,
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn enter(
    app: &App,
    request: &HttpRequest,
    query: Parameters,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    if query.first("request_uri").is_none() {
        let door = Door::Oauth { is_pushed: false };
        return start::enter(app, &query, &door, now).await;
    }
    // What was pushed counts, and nothing beside it (RFC 9126 section 4). Until it is found, nobody
    // knows where an error could be sent.
    match pushed(app, &query, now).await? {
        Some(parameters) => {
            let door = Door::Oauth { is_pushed: true };
            start::enter(app, &parameters, &door, now).await
        }
        None => Ok(hosted::error(
            StatusCode::BAD_REQUEST,
            "The link has been used already, or is older than a minute.",
            &hosted::reference(request),
            "request_uri unknown, expired, used, or another app's",
        )),
    }
}

/// Takes the pushed request that a query names.
async fn pushed(
    app: &App,
    query: &Parameters,
    now: DateTime<Utc>,
) -> Result<Option<Parameters>, Fault> {
    let one = |name| query.one(name).ok().flatten();
    let client = one("client_id").and_then(parse_id);
    let uri = one("request_uri")
        .and_then(|uri| uri.strip_prefix(REQUEST_URI))
        .and_then(PushedRequestUri::parse);
    let (Some(client), Some(uri)) = (client, uri) else {
        return Ok(None);
    };
    let digest = app.ring.digest(&uri);
    let Some(taken) = app.store.take_pushed_request(digest, client, now).await? else {
        return Ok(None);
    };
    let place = Place::pushed_parameters(taken.id, taken.account_id);
    let opened = app.ring.open(&place, &taken.sealed_parameters)?;
    Ok(Some(Parameters::parse(opened.expose().as_bytes())))
}

/// What a client asks for at this door.
///
/// # Errors
/// [`Refused`], to be told by redirect.
pub(crate) fn wishes(
    app: &App,
    provider: Option<&Provider>,
    target: &LinkTarget,
    parameters: &Parameters,
    is_pushed: bool,
) -> Result<Wishes, Refused> {
    let invalid = |why: &str| Refused::new(ErrorCode::InvalidRequest, why);
    parameters
        .each_once()
        .map_err(|Repeated(name)| invalid(&format!("{name} is repeated.")))?;
    let given = |name| parameters.first(name).filter(|value| !value.is_empty());
    if given("request").is_some() {
        let why = "Request objects are not taken; push the request instead.";
        return Err(Refused::new(ErrorCode::RequestNotSupported, why));
    }
    match given("response_type") {
        Some("code") => {}
        Some(_) => {
            let why = "response_type must be code.";
            return Err(Refused::new(ErrorCode::UnsupportedResponseType, why));
        }
        None => return Err(invalid("response_type is missing.")),
    }
    if given("response_mode").is_some_and(|mode| mode != "query") {
        return Err(invalid("response_mode must be query."));
    }
    if given("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        let why = "The end user must be asked.";
        return Err(Refused::new(ErrorCode::InteractionRequired, why));
    }
    if given("resource").is_some_and(|resource| resource != app.public_url.as_str()) {
        let why = "There is no such resource.";
        return Err(Refused::new(ErrorCode::InvalidTarget, why));
    }
    let settings = &target.settings;
    if settings.require_pushed_authorization_requests && !is_pushed {
        return Err(invalid("This client must push its authorization requests."));
    }
    if settings.is_public() && given("code_challenge").is_none() {
        return Err(invalid(
            "code_challenge is missing; this client needs PKCE.",
        ));
    }
    let nonce = given("nonce");
    if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
        return Err(invalid("nonce is longer than 512 bytes."));
    }
    let dpop_jkt = given("dpop_jkt");
    if dpop_jkt.is_some_and(|jkt| !is_thumbprint(jkt)) {
        return Err(invalid(
            "dpop_jkt is not a SHA-256 thumbprint in base64url.",
        ));
    }
    let (openid, scope) = scopes(provider, given("scope"))?;
    Ok(Wishes {
        scope,
        oauth: Some(OauthRequest {
            redirect_uri: given("redirect_uri").unwrap_or_default().to_owned(),
            nonce: nonce.map(str::to_owned),
            dpop_jkt: dpop_jkt.map(str::to_owned),
            openid,
        }),
        ..start::wishes(parameters)?
    })
}

/// Whether an id token is wanted, and what the provider is asked for: what Keyway itself answers is
/// left out, unless the provider knows it as well.
fn scopes(
    provider: Option<&Provider>,
    requested: Option<&str>,
) -> Result<(bool, Option<String>), Refused> {
    let Some(text) = requested else {
        return Ok((false, None));
    };
    let all = Scopes::parse(text)
        .map_err(|error| Refused::new(ErrorCode::InvalidScope, error.to_string()))?;
    let all = all.as_slice();
    let openid = all.iter().any(|scope| scope == OPENID);
    let is_ours = |scope: &str| scope == OPENID || scope == OFFLINE_ACCESS;
    if all.iter().all(|scope| is_ours(scope)) {
        return Ok((openid, None));
    }
    let is_known = |scope: &str| {
        provider.is_some_and(|provider| {
            let definition = &provider.definition;
            definition.scopes.contains_key(scope)
                || definition
                    .with_mandatory(&definition.default_scopes())
                    .as_slice()
                    .iter()
                    .any(|known| known == scope)
        })
    };
    let theirs: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|scope| !is_ours(scope) || is_known(scope))
        .collect();
    Ok((openid, Some(theirs.join(" "))))
}

/// SHA-256 in base64url.
pub(crate) fn is_thumbprint(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
