//! `Idempotency-Key`: a POST that is sent again, because its answer was lost, does nothing twice
//! (draft-ietf-httpapi-idempotency-key-header).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    ids::{AccountId, IdempotencyKeyId},
    opaque::RequestText,
    sealed::Place,
};
use keyway_store::{Begun, NewIdempotencyKey};
use serde::Serialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::{
    App,
    api::{error::ApiError, revision},
    error::Fault,
};

const KEY: &str = "idempotency-key";

/// The header of every POST that changes something.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "what the document says; `key` reads it")]
pub(crate) struct IdempotencyKey {
    /// Names this request for a day: sent again with the same body, it does nothing, and is answered
    /// as the first time, with `Idempotency-Replayed: true`. With another body: 422.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    key: Option<String>,
}

/// An answer that can be given again.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Value,
    revision: Option<i64>,
}

impl Reply {
    /// 200 with this body.
    pub(crate) fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_value(body).map_err(|_| Fault::Unreadable("answer"))?;
        Ok(Self {
            status: StatusCode::OK,
            body,
            revision: None,
        })
    }

    /// 201 with this body.
    pub(crate) fn created(body: &impl Serialize) -> Result<Self, ApiError> {
        Ok(Self {
            status: StatusCode::CREATED,
            ..Self::ok(body)?
        })
    }

    /// The same with an entity tag.
    pub(crate) fn of_revision(self, revision: i64) -> Self {
        Self {
            revision: Some(revision),
            ..self
        }
    }

    /// The answer. It may hold what nobody else should see: no cache keeps it.
    pub(crate) fn respond(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(revision) = self.revision {
            response.insert_header(revision::tag(revision));
        }
        response.json(&self.body)
    }
}

/// Does the work of a POST once for each key; without the header, each time.
///
/// Only success is remembered: a request that was refused did nothing and may be sent again,
/// corrected.
pub(crate) async fn once(
    app: &App,
    request: &HttpRequest,
    account: AccountId,
    body: &[u8],
    now: DateTime<Utc>,
    work: impl AsyncFnOnce() -> Result<Reply, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let Some(key) = key(request)? else {
        return Ok(work().await?.respond());
    };
    let text = RequestText::new(request.method().as_str(), request.path(), body);
    let new = NewIdempotencyKey {
        id: IdempotencyKeyId::generate(now, app.random.as_ref()),
        account_id: account,
        key,
        digest: app.ring.digest(&text),
        created_at: now,
    };
    match app.store.begin_idempotent(&new).await? {
        Begun::First(id) => first(app, account, id, work).await,
        Begun::Done {
            id,
            status,
            sealed_response,
        } => {
            let place = Place::idempotent_response(id, account);
            let text = app
                .ring
                .open(&place, &sealed_response)
                .map_err(Fault::from)?;
            let body = serde_json::from_str(text.expose())
                .map_err(|_| Fault::Unreadable("remembered answer"))?;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let mut response = Reply {
                status,
                body,
                revision: None,
            }
            .respond();
            let replayed = header::HeaderName::from_static("idempotency-replayed");
            response
                .headers_mut()
                .insert(replayed, header::HeaderValue::from_static("true"));
            Ok(response)
        }
        Begun::UnderWay => Err(ApiError::Conflict(
            "A request with this Idempotency-Key is still under way.".into(),
        )),
        Begun::Mismatch => Err(ApiError::field(
            "Idempotency-Key",
            "it came with another request before",
        )),
    }
}

async fn first(
    app: &App,
    account: AccountId,
    id: IdempotencyKeyId,
    work: impl AsyncFnOnce() -> Result<Reply, ApiError>,
) -> Result<HttpResponse, ApiError> {
    match work().await {
        Ok(reply) => {
            let place = Place::idempotent_response(id, account);
            let text = SecretString::new(reply.body.to_string());
            let sealed = app.seal(&place, &text).map_err(Fault::from)?;
            app.store
                .finish_idempotent(id, reply.status.as_u16(), &sealed)
                .await?;
            Ok(reply.respond())
        }
        Err(error) => {
            app.store.forget_idempotent(id).await?;
            Err(error)
        }
    }
}

fn key(request: &HttpRequest) -> Result<Option<&str>, ApiError> {
    let mut values = request.headers().get_all(KEY);
    let (Some(value), next) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if next.is_some() || !(1..=255).contains(&text.len()) || !is_visible {
        return Err(ApiError::Malformed(
            "Idempotency-Key is one text of 1 to 255 visible ASCII characters.".into(),
        ));
    }
    Ok(Some(text))
}
