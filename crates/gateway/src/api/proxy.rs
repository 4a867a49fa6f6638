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
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use keyway_domain::api_token::ApiScope;
use keyway_providers::{
    ProviderError,
    proxy::{Header, ProxyAccess, ProxyAnswer, ProxyBody, ProxyError, ProxyRequest},
};
use keyway_web::log::with_detail;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    App,
    api::{credentials::token, error::ErrorBody, unserved::RefreshError},
    lifecycle::fresh::{self, Opened},
};

/// Before the credential's id and the provider's path.
const PREFIX: &str = "/v1/proxy/credential/";
/// A body up to this size is read before the call is made.
const MAX_WHOLE: usize = 64 * 1024;

/// How long after a refresh a token that the provider refuses is not renewed: another would be
/// refused as well, and no caller's mistake may use up refresh tokens.
const RECENTLY: TimeDelta = TimeDelta::minutes(1);

/// Every way in which the proxy itself says no.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Token(#[from] RefreshError),
    #[error("the body ended early")]
    Body,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

impl Refused {
    fn respond(&self) -> HttpResponse {
        let (status, summary) = match self {
            Self::Token(error) => return error.error_response(),
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
    app: &web::Data<App>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refused> {
    // As it came over the wire: the router would have decoded some of it.
    let (id, path) = request
        .uri()
        .path()
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('/'))
        .unwrap_or_default();
    let found = token::find(app, request, id, ApiScope::PROXY, app.now()).await;
    let credential = found.map_err(RefreshError::from)?;
    let opened = fresh::serve(app, credential, false).await;
    let opened = opened.map_err(RefreshError::from)?;
    let call = Call {
        app,
        request,
        path,
        headers: headers(request),
    };
    let body = body(request, payload).await?;
    let again = match &body {
        ProxyBody::Whole(whole) => Some(whole.clone()),
        ProxyBody::Stream(_) => None,
    };
    let mut answer = call.make(&opened, body).await?;
    if answer.status == StatusCode::UNAUTHORIZED.as_u16()
        && let Some(body) = again
        && let Some(renewed) = renewed(app, &opened).await
    {
        answer = call.make(&renewed, ProxyBody::Whole(body)).await?;
    }
    Ok(respond(request, answer))
}

/// What the caller asks for.
struct Call<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    path: &'a str,
    headers: Vec<Header>,
}

impl Call<'_> {
    async fn make(&self, opened: &Opened, body: ProxyBody) -> Result<ProxyAnswer, Refused> {
        let provider = self
            .app
            .catalogue
            .find(opened.credential.account_id, &opened.credential.provider);
        let provider = provider.await.map_err(RefreshError::from)?;
        let provider = provider.ok_or(ProxyError::NoApi)?;
        let access = ProxyAccess {
            secrets: &opened.secrets,
            variables: &opened.credential.variables,
            public: &opened.credential.public,
        };
        let call = ProxyRequest {
            method: self.request.method().as_str(),
            path: self.path,
            query: self.request.uri().query(),
            headers: &self.headers,
            body,
        };
        Ok(provider.proxy(&self.app.http, &access, call).await?)
    }
}

/// The credential with other tokens than these, which the provider refused.
async fn renewed(app: &web::Data<App>, refused: &Opened) -> Option<Opened> {
    let refreshed_at = refused.credential.refreshed_at;
    if refreshed_at.is_some_and(|at| app.now() - at < RECENTLY) {
        return None;
    }
    let renewed = fresh::serve(app, refused.credential.clone(), true).await;
    let renewed = renewed.ok()?;
    (renewed.secrets.access_token != refused.secrets.access_token).then_some(renewed)
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
