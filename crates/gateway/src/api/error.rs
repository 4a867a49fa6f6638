//! Error answers of the management API: `{"summary", "validation_errors"?}`.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use keyway_web::log::with_detail;
use serde_json::json;

use crate::error::Fault;

/// Every way in which the API says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("API token missing, unknown or expired")]
    Unauthorized,
    #[error("API token lacks {0}")]
    Forbidden(&'static str),
    #[error("validation of {}", .0.keys().copied().collect::<Vec<_>>().join(", "))]
    Invalid(BTreeMap<&'static str, Vec<String>>),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ApiError {
    /// One field that is wrong.
    pub(crate) fn field(name: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name, vec![why.into()])]))
    }

    pub(crate) fn respond(&self) -> HttpResponse {
        let (status, summary) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, (*why).to_owned()),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "Send a valid API token as Authorization: Bearer.".into(),
            ),
            Self::Forbidden(scope) => (
                StatusCode::FORBIDDEN,
                format!("This API token lacks the scope {scope}."),
            ),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Some fields are not valid.".into(),
            ),
            Self::Fault(fault) => (fault.status(), fault.public().to_owned()),
        };
        let mut body = json!({"summary": summary});
        if let (Self::Invalid(fields), Some(body)) = (self, body.as_object_mut()) {
            body.insert("validation_errors".into(), json!(fields));
        }
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if matches!(self, Self::Unauthorized) {
            // RFC 6750 section 3.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""));
        }
        with_detail(response.json(body), self.to_string())
    }
}
