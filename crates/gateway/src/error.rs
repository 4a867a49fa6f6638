//! From failures to answers: a fixed public line on the wire, the private detail in the log.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use keyway_domain::oauth_error::{self, ErrorCode};
use keyway_store::StoreError;
use keyway_vault::{OpenError, SealError, signing::SigningError};
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;

/// A failure that is ours, whatever the request said.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A ciphertext did not open: somebody edited the database, or the ring is wrong.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// Sealing failed.
    #[error("{0}")]
    Seal(#[from] SealError),
    /// A key of ours does not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What a secret held cannot be read.
    #[error("a sealed value cannot be read: {0}")]
    Unreadable(&'static str),
    /// A task was stopped.
    #[error("a task did not end: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Fault {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Store(StoreError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Store(StoreError::Unavailable(_)) => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::ServerError,
        }
    }

    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Unavailable(_)) => {
                "Keyway is briefly unavailable. Try again in a moment."
            }
            _ => "Something went wrong on our side.",
        }
    }
}

/// The body of an error answer of a token endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = OauthError)]
pub(crate) struct OauthErrorBody {
    #[schema(value_type = String, example = "invalid_grant")]
    error: &'static str,
    /// What went wrong, in a sentence.
    error_description: String,
    /// The same.
    summary: String,
}

/// An error answer of a token endpoint (RFC 6749 section 5.2). `summary` repeats the description
/// for clients of the older API.
pub(crate) fn oauth_json(
    status: StatusCode,
    code: ErrorCode,
    description: &str,
    detail: &str,
) -> HttpResponse {
    let description = oauth_error::description(description);
    let response = HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(OauthErrorBody {
            error: code.as_str(),
            summary: description.clone(),
            error_description: description,
        });
    with_detail(response, format!("{code}: {detail}"))
}
