//! `ANY /v1/proxy/credential/{credential_id}/{path}`: the caller's own call of the provider's API,
//! made with the credential. Bodies are streamed both ways and never held.

use std::io;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    body::{BodyStream, SizedStream},
    http::{Method, StatusCode, header},
    web,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use keyway_domain::{
    api_token::ApiScope,
    credential::GrantSecrets,
    health::HealthStatus,
    ids::{AccountId, CredentialId},
    sealed::Place,
};
use keyway_providers::{
    ProviderError,
    proxy::{Header, ProxyAccess, ProxyAnswer, ProxyBody, ProxyError, ProxyRequest},
};
use keyway_store::{CurrentGrant, StoreError};
use keyway_web::log::with_detail;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    App,
    api::{
        bearer,
        error::{ApiError, ErrorBody},
    },
    error::Fault,
};

/// Before the credential's id and the provider's path.
const PREFIX: &str = "/v1/proxy/credential/";
/// A body up to this size is read before the call is made.
const MAX_WHOLE: usize = 64 * 1024;

/// Every way in which the proxy itself says no.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("no such credential")]
    Unknown,
    #[error("the credential must be connected again")]
    Dead,
    #[error("the body ended early")]
    Body,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl Refused {
    fn respond(&self) -> HttpResponse {
        let (status, summary) = match self {
            Self::Api(error) => return error.error_response(),
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                "There is no such credential.".to_owned(),
            ),
            Self::Dead => (
                StatusCode::CONFLICT,
                "The end user must connect this account again.".into(),
            ),
            Self::Body => (StatusCode::BAD_REQUEST, "The body ended early.".into()),
            Self::Proxy(ProxyError::NoApi) => (
                StatusCode::CONFLICT,
                "The provider's definition says nothing of an API.".into(),
            ),
            Self::Proxy(ProxyError::Method) => {
                (StatusCode::BAD_REQUEST, "The method is none.".into())
            }
            Self::Proxy(ProxyError::Path(why)) => (StatusCode::BAD_REQUEST, why.to_string()),
            Self::Proxy(ProxyError::Provider(error)) => of_provider(error),
            Self::Fault(fault) => (fault.status(), fault.public().to_owned()),
        };
        let response = HttpResponse::build(status)
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({"summary": summary}));
        with_detail(response, self.to_string())
    }
}

fn of_provider(error: &ProviderError) -> (StatusCode, String) {
    let status = match error {
        ProviderError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        ProviderError::Unusable(_) => StatusCode::CONFLICT,
        _ => StatusCode::BAD_GATEWAY,
    };
    (status, error.public().to_owned())
}

/// The one route.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route(
        "/v1/proxy/credential/{credential_id}/{path:.*}",
        web::to(handle),
    );
}

/// Call a provider's API.
///
/// Any method, any body, streamed both ways; made with the credential.
///
/// The base URL is the catalogue's; headers that name a host or authorize somebody are left out. What
/// the provider answers comes back as it is. An error of Keyway itself is `{"summary"}`.
#[utoipa::path(
    method(get, post, put, patch, delete),
    path = "/v1/proxy/credential/{credential_id}/{path}", operation_id = "proxy", tag = "Proxy",
    security(("api_token" = ["proxy"])),
    params(
        ("credential_id" = Uuid, Path, description = "The credential."),
        ("path" = String, Path, description = "Path and query of the provider's API."),
    ),
    responses(
        (status = 404, description = "There is no such credential; or the provider says so.", body = ErrorBody),
        (status = 409, description = "The end user must connect the account again, or the provider has no API here; or the provider says so.", body = ErrorBody),
        (status = 502, description = "The provider's answer cannot be used; or the provider says so.", body = ErrorBody),
        (status = 504, description = "The provider does not answer in time; or it says so.", body = ErrorBody),
        (status = "default", description = "What the provider answers."),
    )
)]
pub(crate) async fn handle(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match proxy(&app, &request, payload).await {
        Ok(response) => response,
        Err(refused) => refused.respond(),
    }
}

async fn proxy(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refused> {
    let token = bearer::authorize(app, request, ApiScope::PROXY, app.now()).await?;
    // As it came over the wire: the router would have decoded some of it.
    let (id, path) = request
        .uri()
        .path()
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('/'))
        .ok_or(Refused::Unknown)?;
    let id: CredentialId = id.parse().map_err(|_| Refused::Unknown)?;
    let current = current_secrets(app, token.account_id, id).await?;
    let provider = app.catalogue.find(&current.grant.provider);
    let provider = provider.ok_or(ProxyError::NoApi)?;
    let headers = headers(request);
    let answer = provider
        .proxy(
            &app.http,
            &ProxyAccess {
                access_token: current.access_token()?,
                variables: &current.grant.variables,
                public: &current.grant.public,
            },
            ProxyRequest {
                method: request.method().as_str(),
                path,
                query: request.uri().query(),
                headers: &headers,
                body: body(request, payload).await?,
            },
        )
        .await?;
    Ok(respond(request, answer))
}

/// A credential's newest tokens.
struct Current {
    grant: CurrentGrant,
    secrets: GrantSecrets,
}

impl Current {
    fn access_token(&self) -> Result<&str, Refused> {
        self.secrets.access_token.as_deref().ok_or(Refused::Dead)
    }
}

/// Opens the newest tokens of a credential of this account.
async fn current_secrets(
    app: &App,
    account: AccountId,
    id: CredentialId,
) -> Result<Current, Refused> {
    let grant = app.store.find_current_grant(account, id).await?;
    let grant = grant.ok_or(Refused::Unknown)?;
    if grant.health == HealthStatus::Error {
        return Err(Refused::Dead);
    }
    let place = Place::grant_secrets(grant.grant_id, grant.account_id);
    let opened = app
        .ring
        .open(&place, &grant.sealed_secrets)
        .map_err(Fault::from)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    if secrets.external_id != grant.external_id {
        return Err(Fault::Unreadable("grant of another external account").into());
    }
    Ok(Current { grant, secrets })
}

fn headers(request: &HttpRequest) -> Vec<Header> {
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// A small body is read whole, so that the call could be made again; any other is streamed.
async fn body(request: &HttpRequest, mut payload: web::Payload) -> Result<ProxyBody, Refused> {
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        None if !is_chunked => return Ok(ProxyBody::Whole(Bytes::new())),
        Some(length) if length <= MAX_WHOLE => {
            let mut whole = Vec::with_capacity(length);
            while let Some(part) = payload.next().await {
                whole.extend_from_slice(&part.map_err(|_| Refused::Body)?);
            }
            return Ok(ProxyBody::Whole(whole.into()));
        }
        _ => {}
    }
    // The payload belongs to this worker, the call to the client's connection: one part at a time
    // goes from one to the other.
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(1);
    actix_web::rt::spawn(async move {
        while let Some(part) = payload.next().await {
            let part = part.map_err(|error| io::Error::other(error.to_string()));
            let is_last = part.is_err();
            if sender.send(part).await.is_err() || is_last {
                return;
            }
        }
    });
    let parts = stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    Ok(ProxyBody::Stream(parts.boxed()))
}

fn respond(request: &HttpRequest, answer: ProxyAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        response.append_header((name.as_str(), value.as_slice()));
    }
    let is_empty = request.method() == Method::HEAD
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    match answer.length {
        Some(length) => {
            let length = if is_empty && request.method() != Method::HEAD {
                0
            } else {
                length
            };
            response.body(SizedStream::new(length, answer.body))
        }
        None if is_empty => response.finish(),
        None => response.body(BodyStream::new(answer.body)),
    }
}
