//! Redirects out of the flow.

use actix_web::{HttpResponse, cookie::Cookie, http::header};
use keyway_domain::{
    authorization_session::SessionSecrets,
    ids::AuthorizationSessionId,
    oauth_error::{self, ErrorCode},
    redirect_uri::RedirectUri,
};
use keyway_web::log::with_detail;

use crate::{error::Fault, hosted::session::Outcome};

/// 302 to `location`.
pub(crate) fn found(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// Where a flow is to end.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// At the client's redirect URI.
    Client {
        redirect_uri: &'a RedirectUri,
        state: Option<&'a str>,
    },
    /// On a page of the link session with this token.
    Page {
        token: &'a str,
        flow: AuthorizationSessionId,
    },
}

impl<'a> End<'a> {
    /// The end of a flow that was stored.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] if it has none, which no flow of ours is stored with.
    pub(crate) fn of(
        flow: AuthorizationSessionId,
        redirect_uri: Option<&'a RedirectUri>,
        secrets: &'a SessionSecrets,
    ) -> Result<Self, Fault> {
        match (redirect_uri, &secrets.link_session) {
            (Some(redirect_uri), _) => Ok(Self::Client {
                redirect_uri,
                state: secrets.client_state.as_deref(),
            }),
            (None, Some(token)) => Ok(Self::Page { token, flow }),
            (None, None) => Err(Fault::Unreadable("end of the flow")),
        }
    }

    /// The client's page with an error, where there is a client to go back to.
    pub(crate) fn refusal(self, code: ErrorCode, description: &str) -> Option<String> {
        match self {
            Self::Client {
                redirect_uri,
                state,
            } => Some(refusal(redirect_uri, state, code, description)),
            Self::Page { .. } => None,
        }
    }
}

/// The client's page with an error (RFC 6749 section 4.1.2.1).
fn refusal(
    redirect_uri: &RedirectUri,
    state: Option<&str>,
    code: ErrorCode,
    description: &str,
) -> String {
    let description = oauth_error::description(description);
    let mut parameters = vec![
        ("error", code.as_str()),
        ("error_description", description.as_str()),
    ];
    parameters.extend(state.map(|state| ("state", state)));
    redirect_uri.with(&parameters)
}

/// Where a flow ended. Unlike an answer it can cross threads.
pub(crate) enum Destination {
    /// Somewhere else.
    Redirect {
        location: String,
        detail: Option<String>,
    },
    /// To the page where one of several accounts is chosen.
    Choice(AuthorizationSessionId),
    /// Here.
    Page { outcome: Outcome, detail: String },
}

impl Destination {
    /// The client's page, with our code.
    pub(crate) fn granted(redirect_uri: &RedirectUri, code: &str, state: Option<&str>) -> Self {
        let mut parameters = vec![("code", code)];
        parameters.extend(state.map(|state| ("state", state)));
        Self::Redirect {
            location: redirect_uri.with(&parameters),
            detail: None,
        }
    }

    /// The page that says that it is done.
    pub(crate) fn connected(token: &str, detail: String) -> Self {
        Self::Redirect {
            location: format!("/link/session/{token}/done"),
            detail: Some(detail),
        }
    }

    /// The client's page with an error, or ours with another try.
    pub(crate) fn refused(end: End<'_>, code: ErrorCode, description: &str, detail: &str) -> Self {
        let detail = format!("{code}: {detail}");
        match end {
            End::Client {
                redirect_uri,
                state,
            } => Self::Redirect {
                location: refusal(redirect_uri, state, code, description),
                detail: Some(detail),
            },
            End::Page { token, flow } => Self::Page {
                outcome: Outcome::refused(code, description, token, flow),
                detail,
            },
        }
    }

    /// Whether the flow goes on in this browser.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self, Self::Choice(_))
    }

    /// The answer.
    pub(crate) fn respond(self) -> HttpResponse {
        match self {
            Self::Redirect { location, detail } => {
                let response = found(&location);
                match detail {
                    Some(detail) => with_detail(response, detail),
                    None => response,
                }
            }
            Self::Choice(flow) => {
                keyway_web::page::see_other(&format!("/link/oauth2/choice/{flow}"))
            }
            Self::Page { outcome, detail } => with_detail(outcome.show(), detail),
        }
    }
}

/// Adds a cookie to an answer.
pub(crate) fn with_cookie(mut response: HttpResponse, cookie: &Cookie<'_>) -> HttpResponse {
    // A cookie made of our own constants and base64url always encodes.
    let _ = response.add_cookie(cookie);
    response
}
