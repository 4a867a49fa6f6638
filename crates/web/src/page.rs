//! HTML answers.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use askama::Template;

/// What a page may load and where its forms may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Forms post to ourselves and stay here.
    Stay,
    /// A form of ours is answered by a redirect to a provider or to the client.
    Leave,
}

/// Renders a page with the headers that every page of ours carries: a strict content security
/// policy without inline anything, no framing, no sniffing, no referrer to others, no caching.
///
/// # Errors
/// What the template reports; pages of plain values do not fail.
pub fn render(
    status: StatusCode,
    page: &impl Template,
    policy: Policy,
) -> Result<HttpResponse, askama::Error> {
    let body = page.render()?;
    Ok(builder(status, policy).body(body))
}

/// A redirect to one of our own pages after a form was accepted (RFC 9110 section 15.4.4).
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn builder(status: StatusCode, policy: Policy) -> HttpResponseBuilder {
    // Chromium holds `form-action` against redirects too. Plain http is for clients on loopback,
    // which a policy cannot name: its grammar has no place for `[::1]`.
    let content_security_policy = match policy {
        Policy::Stay => {
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        }
        Policy::Leave => {
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
             form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'"
        }
    };
    // The console checks the origin of what is posted to it, which `no-referrer` would hide. The
    // addresses of hosted pages hold codes and states, which nobody else need see.
    let referrer_policy = match policy {
        Policy::Stay => "same-origin",
        Policy::Leave => "no-referrer",
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(content_security_policy),
        ))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, referrer_policy))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}
