//! Redirects out of the flow.

use actix_web::{HttpResponse, cookie::Cookie, http::header};
use keyway_domain::{
    authorization_session::SessionSecrets,
    ids::AuthorizationSessionId,
    oauth_error::{self, ErrorCode},
    redirect_uri::RedirectUri,
};
use keyway_web::log::with_detail;

use crate::{App, error::Fault, hosted::session::Outcome};

/// 302 to `location`.
pub(crate) fn found(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// A client that waits for the browser, at its redirect URI.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) redirect_uri: &'a RedirectUri,
    pub(crate) state: Option<&'a str>,
    /// Who answers, for a client of the OAuth door (RFC 9207).
    pub(crate) issuer: Option<&'a str>,
}

impl Client<'_> {
    /// Its page with an error (RFC 6749 section 4.1.2.1).
    pub(crate) fn refusal(self, code: ErrorCode, description: &str) -> String {
        let description = oauth_error::description(description);
        self.answer(&[
            ("error", code.as_str()),
            ("error_description", description.as_str()),
        ])
    }

    /// Its page with our code.
    fn granted(self, code: &str) -> String {
        self.answer(&[("code", code)])
    }

    /// Its page with these parameters, and what comes with every answer.
    fn answer(self, parameters: &[(&str, &str)]) -> String {
        let mut parameters = parameters.to_vec();
        parameters.extend(self.state.map(|state| ("state", state)));
        parameters.extend(self.issuer.map(|issuer| ("iss", issuer)));
        self.redirect_uri.with(&parameters)
    }
}

/// Where a flow is to end.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// At the client's redirect URI.
    Client(Client<'a>),
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
        app: &'a App,
        flow: AuthorizationSessionId,
        redirect_uri: Option<&'a RedirectUri>,
        secrets: &'a SessionSecrets,
    ) -> Result<Self, Fault> {
        match (redirect_uri, &secrets.link_session) {
            (Some(redirect_uri), _) => Ok(Self::Client(Client {
                redirect_uri,
                state: secrets.client_state.as_deref(),
                issuer: secrets.oauth.as_ref().map(|_| app.public_url.as_str()),
            })),
            (None, Some(token)) => Ok(Self::Page { token, flow }),
            (None, None) => Err(Fault::Unreadable("end of the flow")),
        }
    }
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
    pub(crate) fn granted(client: Client<'_>, code: &str) -> Self {
        Self::Redirect {
            location: client.granted(code),
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
            End::Client(client) => Self::Redirect {
                location: client.refusal(code, description),
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
