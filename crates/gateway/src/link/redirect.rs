//! Redirects out of the flow.

use actix_web::{HttpResponse, cookie::Cookie, http::header};
use keyway_domain::{
    oauth_error::{self, ErrorCode},
    redirect_uri::RedirectUri,
};
use keyway_web::log::with_detail;

/// 302 to `location`.
pub(crate) fn found(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// Where a flow ends. Unlike an answer it can cross threads.
#[derive(Debug)]
pub(crate) struct Destination {
    location: String,
    detail: Option<String>,
}

impl Destination {
    /// The client's page, with our code.
    pub(crate) fn granted(redirect_uri: &RedirectUri, code: &str, state: Option<&str>) -> Self {
        let mut parameters = vec![("code", code)];
        parameters.extend(state.map(|state| ("state", state)));
        Self {
            location: redirect_uri.with(&parameters),
            detail: None,
        }
    }

    /// The client's page, with an error (RFC 6749 section 4.1.2.1).
    pub(crate) fn refused(
        redirect_uri: &RedirectUri,
        code: ErrorCode,
        description: &str,
        state: Option<&str>,
        detail: &str,
    ) -> Self {
        let description = oauth_error::description(description);
        let mut parameters = vec![
            ("error", code.as_str()),
            ("error_description", description.as_str()),
        ];
        parameters.extend(state.map(|state| ("state", state)));
        Self {
            location: redirect_uri.with(&parameters),
            detail: Some(format!("{code}: {detail}")),
        }
    }

    /// The redirect.
    pub(crate) fn respond(self) -> HttpResponse {
        let response = found(&self.location);
        match self.detail {
            Some(detail) => with_detail(response, detail),
            None => response,
        }
    }
}

/// Adds a cookie to an answer.
pub(crate) fn with_cookie(mut response: HttpResponse, cookie: &Cookie<'_>) -> HttpResponse {
    // A cookie made of our own constants and base64url always encodes.
    let _ = response.add_cookie(cookie);
    response
}
