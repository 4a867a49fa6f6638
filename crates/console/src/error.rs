//! From failures to pages: a fixed public sentence on the page, the private detail in the log.

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse, error::InternalError, http::StatusCode,
};
use askama::Template;
use keyway_store::StoreError;
use keyway_vault::{SealError, password::PasswordError};
use keyway_web::{
    log::{RequestId, with_detail},
    page::{self, Policy},
};

use crate::{csrf::Refusal, path, session};

/// Every way in which a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// Nobody is signed in.
    #[error("signed out")]
    SignedOut,
    /// No such page, or a row that this account does not have: one answer for both.
    #[error("no such page or row")]
    NotFound,
    /// The page takes another method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// An id that cannot be one.
    #[error("malformed id")]
    MalformedId,
    /// A form or a query that no page of ours sends.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A form larger than any of ours.
    #[error("form too large")]
    TooLarge,
    /// Not a form at all.
    #[error("not a form")]
    NotAForm,
    /// A form that is not ours.
    #[error("form refused: {0}")]
    Refused(#[from] Refusal),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Passwords.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A page could not be written.
    #[error("page: {0}")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    heading: &'a str,
    message: &'a str,
    kept: &'a [(&'static str, String)],
    /// The page whose form was refused.
    again: Option<&'a str>,
    reference: Option<String>,
}

/// What a handler made, or the page for why it did not.
pub(crate) fn answer(
    request: &HttpRequest,
    result: Result<HttpResponse, PageError>,
) -> HttpResponse {
    result.unwrap_or_else(|error| error.respond(request))
}

/// A page that forms on it post to.
pub(crate) fn show(status: StatusCode, page: &impl Template) -> Result<HttpResponse, PageError> {
    Ok(page::render(status, page, Policy::Stay)?)
}

impl PageError {
    /// The same as an extractor's failure.
    pub(crate) fn reject(&self, request: &HttpRequest) -> actix_web::Error {
        InternalError::from_response("refused", self.respond(request)).into()
    }

    pub(crate) fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let (status, heading, message) = match self {
            Self::SignedOut => return session::ask(request),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such page here, or what it showed is gone.",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Not possible",
                "This address does not take that kind of request.",
            ),
            Self::MalformedId => (
                StatusCode::BAD_REQUEST,
                "Not an address of ours",
                "The ID in this address is not complete.",
            ),
            Self::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "Not understood",
                "What was sent does not fit this page. Nothing was changed.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                "What was sent is larger than any form here. Nothing was changed.",
            ),
            Self::NotAForm => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Not a form",
                "This page takes forms only. Nothing was changed.",
            ),
            Self::Refused(refusal) => (
                StatusCode::FORBIDDEN,
                "Nothing was changed",
                refusal.public(),
            ),
            Self::Store(StoreError::Unavailable(_)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Briefly unavailable",
                "Keyway cannot reach its database. Try again in a moment.",
            ),
            Self::Store(_) | Self::Password(_) | Self::Seal(_) | Self::Template(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong",
                "It is our fault and not yours. The reference finds what happened in the log.",
            ),
        };
        let page = ErrorPage {
            heading,
            message,
            kept: match self {
                Self::Refused(refusal) => refusal.kept(),
                _ => &[],
            },
            again: match self {
                Self::Refused(Refusal::Token(_)) => path::local(request.path()),
                _ => None,
            },
            reference: status
                .is_server_error()
                .then(|| reference(request))
                .flatten(),
        };
        let response = page::render(status, &page, Policy::Stay)
            .unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
        with_detail(response, self.to_string())
    }
}

/// What finds the request in the log.
fn reference(request: &HttpRequest) -> Option<String> {
    request
        .extensions()
        .get::<RequestId>()
        .map(ToString::to_string)
}
