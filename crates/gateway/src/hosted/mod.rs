//! What the end user sees of Keyway.

pub(crate) mod choice;
pub(crate) mod session;
pub(crate) mod variables;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;
use keyway_web::{
    log::{RequestId, with_detail},
    page::{self, Policy},
};

use crate::{error::Fault, link::diagnostics::Diagnostics};

#[derive(Template)]
#[template(path = "hosted/error.html")]
struct ErrorPage<'a> {
    message: &'a str,
    reference: &'a str,
}

#[derive(Template)]
#[template(path = "hosted/refusal.html")]
struct RefusalPage<'a> {
    reference: &'a str,
}

#[derive(Template)]
#[template(path = "hosted/debug.html")]
struct DebugPage<'a> {
    found: &'a Diagnostics,
    reference: &'a str,
}

/// A sentence and a reference.
pub(crate) fn error(
    status: StatusCode,
    message: &str,
    reference: &str,
    detail: &str,
) -> HttpResponse {
    with_detail(
        show(status, &ErrorPage { message, reference }),
        format!("{reference}: {detail}"),
    )
}

/// The provider sent the end user back with a refusal that belongs to no flow we can trust.
pub(crate) fn refusal(reference: &str, detail: &str) -> HttpResponse {
    with_detail(
        show(StatusCode::BAD_REQUEST, &RefusalPage { reference }),
        format!("{reference}: {detail}"),
    )
}

/// The diagnostics that the client asked for.
pub(crate) fn debug(found: &Diagnostics, reference: &str, detail: &str) -> HttpResponse {
    with_detail(
        show(StatusCode::BAD_REQUEST, &DebugPage { found, reference }),
        format!("{reference}: {detail}"),
    )
}

/// A failure of ours.
pub(crate) fn fault(request: &HttpRequest, fault: &Fault) -> HttpResponse {
    error(
        fault.status(),
        fault.public(),
        &reference(request),
        &fault.to_string(),
    )
}

/// No such page.
pub(crate) async fn not_found(request: HttpRequest) -> HttpResponse {
    error(
        StatusCode::NOT_FOUND,
        "There is no such page.",
        &reference(&request),
        "no route",
    )
}

/// What finds the request in the log.
pub(crate) fn reference(request: &HttpRequest) -> String {
    request
        .extensions()
        .get::<RequestId>()
        .map(ToString::to_string)
        .unwrap_or_default()
}

pub(crate) fn show(status: StatusCode, page: &impl Template) -> HttpResponse {
    page::render(status, page, Policy::Leave).unwrap_or_else(|error| {
        with_detail(
            HttpResponse::InternalServerError().finish(),
            format!("page: {error}"),
        )
    })
}
