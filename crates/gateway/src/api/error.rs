//! Error answers of the management API: `{"summary", "validation_errors"?}`.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use keyway_store::StoreError;
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::Fault, oauth::resource::Denied};

/// An error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// What went wrong, in a sentence.
    summary: String,
    /// What is wrong with which field: at status 422.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    validation_errors: BTreeMap<String, Vec<String>>,
}

impl ErrorBody {
    pub(crate) fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            validation_errors: BTreeMap::new(),
        }
    }
}

/// Every way in which the API says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    Malformed(String),
    #[error("API token missing, unknown or expired")]
    Unauthorized,
    #[error("API token lacks {0}")]
    Forbidden(&'static str),
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error("If-Match names another revision")]
    PreconditionFailed,
    #[error("body over {0} bytes")]
    TooLarge(usize),
    #[error("content type is not application/json")]
    ContentType,
    #[error("validation of {}", .0.keys().map(String::as_str).collect::<Vec<_>>().join(", "))]
    Invalid(BTreeMap<String, Vec<String>>),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ApiError {
    /// One field that is wrong.
    pub(crate) fn field(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.into(), vec![why.into()])]))
    }

    fn summary(&self) -> String {
        match self {
            Self::Malformed(why) | Self::Conflict(why) => why.clone(),
            Self::Unauthorized => "Send a valid API token as Authorization: Bearer.".into(),
            Self::Forbidden(scope) => format!("This API token lacks the scope {scope}."),
            Self::NotFound(what) => format!("There is no such {what}."),
            Self::PreconditionFailed => {
                "It was changed meanwhile: read it again before you change it.".into()
            }
            Self::TooLarge(limit) => format!("The body is larger than {limit} bytes."),
            Self::ContentType => "Send application/json.".into(),
            Self::Invalid(_) => "Some fields are not valid.".into(),
            Self::Denied(denied) => denied.to_string(),
            Self::Fault(fault) => fault.public().to_owned(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Denied(denied) => denied.status(),
            Self::Fault(fault) => fault.status(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Denied(denied) = self {
            return denied.respond();
        }
        let mut body = ErrorBody::new(self.summary());
        if let Self::Invalid(fields) = self {
            body.validation_errors.clone_from(fields);
        }
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if matches!(self, Self::Unauthorized) {
            // RFC 6750 section 3.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""));
        }
        with_detail(response.json(body), self.to_string())
    }
}
