//! `POST /link/oauth2/token`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use keyway_domain::{
    SecretString,
    authorization_code::{AuthorizationCode, Redeemed},
    credential::{GrantSecrets, Properties},
    ids::OauthAppId,
    oauth_error::ErrorCode,
    pkce::CodeVerifier,
    sealed::Place,
};
use keyway_web::log::with_detail;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    error::{Fault, OauthErrorBody, oauth_json},
    link::parameters::{Parameters, Repeated},
    oauth::secret::{self, Accepted, Disbelief},
};

/// The largest body that is read.
const MAX_BODY: usize = 64 * 1024;

/// Every way in which this endpoint says no.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("body over 64 kB")]
    TooLarge,
    #[error("content type is neither JSON nor a form")]
    ContentType,
    #[error("{0}")]
    InvalidClient(&'static str),
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("too many wrong secrets")]
    SlowDown(TimeDelta),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl TokenError {
    fn respond(&self) -> HttpResponse {
        let detail = self.to_string();
        let json = |status, code, public: &str| oauth_json(status, code, public, &detail);
        match self {
            Self::InvalidRequest(public) => {
                json(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, public)
            }
            Self::TooLarge => json(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::InvalidRequest,
                "The body is larger than 64 kB.",
            ),
            Self::ContentType => json(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::InvalidRequest,
                "Send application/json or application/x-www-form-urlencoded.",
            ),
            Self::InvalidClient(_) => json(
                StatusCode::UNAUTHORIZED,
                ErrorCode::InvalidClient,
                "The client_id is unknown or the client_secret is wrong.",
            ),
            Self::InvalidGrant(_) => json(
                StatusCode::BAD_REQUEST,
                ErrorCode::InvalidGrant,
                "The code is unknown, expired, used already, or was issued for another client or code_verifier.",
            ),
            Self::SlowDown(wait) => {
                let mut response = json(
                    StatusCode::TOO_MANY_REQUESTS,
                    ErrorCode::SlowDown,
                    "Too many failed attempts. Wait before you try again.",
                );
                response.headers_mut().insert(
                    header::RETRY_AFTER,
                    header::HeaderValue::from(wait.num_seconds().max(1)),
                );
                response
            }
            Self::Fault(fault) => json(fault.status(), fault.code(), fault.public()),
        }
    }
}

/// The request, each field at most once and a text.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TokenRequest {
    /// From your redirect URI.
    #[schema(value_type = String)]
    code: Option<SecretString>,
    /// The Keyway id of the OAuth app.
    #[schema(value_type = Uuid)]
    client_id: Option<String>,
    /// The provider's client secret of that app.
    #[schema(value_type = String)]
    client_secret: Option<SecretString>,
    /// If the flow was started with a `code_challenge`.
    #[schema(value_type = Option<String>)]
    code_verifier: Option<SecretString>,
}

/// A credential, in clear.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
struct TokenAnswer {
    credential: HandedOut,
    /// The `state` of the start.
    state: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IssuedCredential)]
struct HandedOut {
    id: Uuid,
    oauth_app_id: Uuid,
    /// `kind`, and what the kind has, in clear.
    #[schema(value_type = Object)]
    properties: Map<String, Value>,
}

/// Exchange a code for the credential.
///
/// The client proves itself by the secret in the body. A code is good once, for 60 seconds.
#[utoipa::path(
    post, path = "/link/oauth2/token", operation_id = "exchangeCode", tag = "Flow",
    request_body(content(
        (TokenRequest = "application/json"),
        (TokenRequest = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, description = "The credential. Connecting the same external account again renews the same one.", body = TokenAnswer),
        (status = 400, description = "`invalid_request`: malformed, missing or repeated. `invalid_grant`: the code is unknown, expired, used or another app's, or its verifier is wrong.", body = OauthErrorBody),
        (status = 401, description = "`invalid_client`: unknown `client_id` or wrong `client_secret`.", body = OauthErrorBody),
        (status = 413, description = "`invalid_request`: the body is larger than 64 kB.", body = OauthErrorBody),
        (status = 415, description = "`invalid_request`: another content type.", body = OauthErrorBody),
        (status = 429, description = "`slow_down`: too many wrong secrets.", body = OauthErrorBody, headers(("Retry-After" = u64, description = "Seconds to wait."))),
        (status = 500, description = "`server_error`: our fault.", body = OauthErrorBody),
        (status = 503, description = "`temporarily_unavailable`: try again in a moment.", body = OauthErrorBody),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match exchange(&app, &request, payload).await {
        Ok(response) => response,
        Err(error) => error.respond(),
    }
}

async fn exchange(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, TokenError> {
    let now = app.now();
    let read = read(request, payload).await?;
    let code = required(read.code, "code")?;
    let client_id = required(read.client_id, "client_id")?;
    let client_secret = required(read.client_secret, "client_secret")?;
    let client = authenticate(app, request, &client_id, &client_secret, now).await?;
    let challenge = match read
        .code_verifier
        .filter(|verifier| !verifier.expose().is_empty())
    {
        None => None,
        Some(verifier) => {
            let verifier = CodeVerifier::parse(verifier.expose())
                .ok_or(TokenError::InvalidGrant("code_verifier is not of RFC 7636"))?;
            Some(verifier.challenge())
        }
    };
    let Some(code) = AuthorizationCode::parse(code.expose()) else {
        return Err(TokenError::InvalidGrant("code is none of ours"));
    };
    let digest = app.ring.digest(&code);
    let redeemed = app
        .store
        .redeem_authorization_code(digest, client.0, challenge.as_ref(), now)
        .await
        .map_err(Fault::from)?;
    let Some(redeemed) = redeemed else {
        let why = app
            .store
            .explain_code_refusal(digest, client.0, challenge.as_ref(), now)
            .await
            .map_err(Fault::from)?;
        return Err(TokenError::InvalidGrant(why.as_str()));
    };
    Ok(answer(app, client.0, &redeemed)?)
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<TokenRequest, TokenError> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match content_type.as_deref() {
        Some("application/json") => {
            let body = body(payload).await?;
            // What serde says may quote the body.
            serde_json::from_slice(&body).map_err(|_| {
                TokenError::InvalidRequest(
                    "The body is not a JSON object with each field once, and texts in them.".into(),
                )
            })
        }
        Some("application/x-www-form-urlencoded") => {
            let body = body(payload).await?;
            let parameters = Parameters::parse(&body);
            let one = |name| match parameters.one(name) {
                Ok(value) => Ok(value),
                Err(Repeated(name)) => {
                    Err(TokenError::InvalidRequest(format!("{name} is repeated.")))
                }
            };
            Ok(TokenRequest {
                code: one("code")?.map(SecretString::from),
                client_id: one("client_id")?.map(str::to_owned),
                client_secret: one("client_secret")?.map(SecretString::from),
                code_verifier: one("code_verifier")?.map(SecretString::from),
            })
        }
        _ => Err(TokenError::ContentType),
    }
}

async fn body(mut payload: web::Payload) -> Result<Vec<u8>, TokenError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_| TokenError::InvalidRequest("The body ended early.".into()))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(TokenError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, TokenError> {
    value.ok_or_else(|| TokenError::InvalidRequest(format!("{name} is missing.")))
}

/// The app that proved itself: nobody else can make one.
struct AuthenticatedClient(OauthAppId);

/// Compares the secret with the provider's secret of the app.
async fn authenticate(
    app: &App,
    request: &HttpRequest,
    client_id: &str,
    client_secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<AuthenticatedClient, TokenError> {
    let presented = std::slice::from_ref(client_secret);
    let proven = secret::prove(app, request, client_id, presented, Accepted::Providers, now);
    match proven.await? {
        Ok(found) => Ok(AuthenticatedClient(found.id)),
        Err(Disbelief::SlowDown(wait)) => Err(TokenError::SlowDown(wait)),
        Err(Disbelief::Wrong(detail)) => Err(TokenError::InvalidClient(detail)),
    }
}

fn answer(app: &App, client: OauthAppId, redeemed: &Redeemed) -> Result<HttpResponse, Fault> {
    let place = Place::grant_secrets(redeemed.grant_id, redeemed.account_id);
    let opened = app.ring.open(&place, &redeemed.sealed_secrets)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    if secrets.external_id != redeemed.external.id {
        return Err(Fault::Unreadable("grant of another external account"));
    }
    let place = Place::code_state(redeemed.code_id, redeemed.account_id);
    let state = redeemed
        .sealed_state
        .as_ref()
        .map(|sealed| app.ring.open(&place, sealed))
        .transpose()?;
    let mut properties = Properties {
        public: redeemed.public.clone(),
        ..Properties::default()
    };
    for (name, value) in &secrets.properties {
        properties.secret.insert(name.clone(), value.clone());
    }
    let body = TokenAnswer {
        credential: HandedOut {
            id: redeemed.credential_id.uuid(),
            oauth_app_id: client.uuid(),
            properties: properties.reveal(&redeemed.kind),
        },
        state: state.map(|state| state.expose().clone()),
    };
    let response = HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body);
    Ok(with_detail(
        response,
        format!("credential {} handed out", redeemed.credential_id),
    ))
}
