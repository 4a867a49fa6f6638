//! One line a request: what was asked, what came of it, and the detail that only the log may know.

use std::time::Instant;

use actix_web::{
    HttpMessage as _, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use keyway_domain::{Random, random::OsRandom};
use tracing::Instrument as _;

/// Names the request in the log and in the answer.
#[derive(Debug, Clone, Copy)]
pub struct RequestId([u8; 8]);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// What the log may know and the answer does not say. Hung on a response; never a secret.
#[derive(Debug, Clone)]
pub struct Detail(pub String);

/// Hangs a detail on a response.
pub fn with_detail(mut response: HttpResponse, detail: impl Into<String>) -> HttpResponse {
    response.extensions_mut().insert(Detail(detail.into()));
    response
}

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: a span with the request's id, one line at its end, and the metrics of the route.
///
/// The line has the route's pattern and no query: paths and queries carry codes and states.
///
/// # Errors
/// Passes on what the handler's service returns.
pub async fn log_request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let random: &dyn Random = &OsRandom;
    let id = RequestId(random.bytes());
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    let started = Instant::now();
    let span = tracing::info_span!("request", id = %id);
    let mut response = next.call(request).instrument(span.clone()).await?;
    let _entered = span.entered();
    let elapsed = started.elapsed();
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16();
    let detail = response
        .response()
        .extensions()
        .get::<Detail>()
        .map(|detail| detail.0.clone());
    if status >= 500 {
        tracing::error!(%method, route, status, elapsed_us = micros(elapsed), detail, "answered");
    } else if let Some(detail) = detail {
        tracing::info!(%method, route, status, elapsed_us = micros(elapsed), detail, "answered");
    } else {
        tracing::debug!(%method, route, status, elapsed_us = micros(elapsed), "answered");
    }
    let labels = [
        ("route", route),
        ("method", label(&method).to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("keyway_http_requests_total", &labels).increment(1);
    metrics::histogram!("keyway_http_request_duration_seconds", &labels)
        .record(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    Ok(response)
}

/// The methods that browsers and clients use; all others count as one. A client may invent as many
/// as it likes, and each would be counted in memory of its own.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn micros(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_share_a_label() {
        assert_eq!(label(&Method::POST), "POST");
        let invented = Method::from_bytes(b"INVENTED-1").expect("method");
        assert_eq!(label(&invented), "other");
    }
}
