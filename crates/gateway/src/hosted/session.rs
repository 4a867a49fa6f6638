//! The pages of a link session: what is asked for, and what became of it.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use askama::Template;
use keyway_domain::{credential::EndUser, ids::AuthorizationSessionId, oauth_error::ErrorCode};
use keyway_web::log::with_detail;

use crate::hosted::show;

/// What the page of an open session shows.
#[derive(Template)]
#[template(path = "hosted/link_session.html")]
pub(crate) struct OfferPage<'a> {
    pub(crate) token: &'a str,
    pub(crate) title: &'a str,
    pub(crate) account: &'a str,
    pub(crate) end_user: &'a EndUser,
    /// The name of the account that is to be reconnected.
    pub(crate) reconnects: Option<&'a str>,
    pub(crate) offers: &'a [Offer<'a>],
}

/// A provider to connect.
pub(crate) struct Offer<'a> {
    pub(crate) app: String,
    pub(crate) provider: &'a str,
    /// The app's name, where it alone tells two offers apart.
    pub(crate) name: Option<&'a str>,
}

/// The page of an open session.
pub(crate) fn offer(page: &OfferPage<'_>) -> HttpResponse {
    let mut response = show(StatusCode::OK, page);
    // The form's origin is looked at, which `no-referrer` would hide. Nobody else is told anything.
    let policy = HeaderValue::from_static("same-origin");
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, policy);
    response
}

#[derive(Template)]
#[template(path = "hosted/link_closed.html")]
struct ClosedPage<'a> {
    title: &'a str,
    message: &'a str,
}

/// The page of a session that nothing can be connected with.
pub(crate) fn closed(
    status: StatusCode,
    title: &str,
    message: &str,
    detail: impl Into<String>,
) -> HttpResponse {
    with_detail(show(status, &ClosedPage { title, message }), detail.into())
}

#[derive(Template)]
#[template(path = "hosted/link_connected.html")]
struct ConnectedPage<'a> {
    account: &'a str,
    provider: &'a str,
    label: Option<&'a str>,
}

/// The page of a session with which a connection was made.
pub(crate) fn connected(account: &str, provider: &str, label: Option<&str>) -> HttpResponse {
    let page = ConnectedPage {
        account,
        provider,
        label,
    };
    show(StatusCode::OK, &page)
}

/// How a flow of a link session ended without a connection.
#[derive(Template)]
#[template(path = "hosted/link_refused.html")]
pub(crate) struct Outcome {
    title: &'static str,
    message: String,
    hint: Option<String>,
    /// The session's token, where another try makes sense.
    token: Option<String>,
    /// The client's page.
    back: Option<String>,
    reference: String,
}

/// Another account came than the one to be reconnected.
pub(crate) struct OtherAccount<'a> {
    pub(crate) provider: &'a str,
    pub(crate) expected: Option<&'a str>,
    pub(crate) came: Option<&'a str>,
    pub(crate) token: Option<&'a str>,
    pub(crate) flow: AuthorizationSessionId,
    pub(crate) back: Option<String>,
}

impl Outcome {
    /// The provider or the end user refused, or something broke.
    pub(crate) fn refused(
        code: ErrorCode,
        description: &str,
        token: &str,
        flow: AuthorizationSessionId,
    ) -> Self {
        let (title, message) = match code {
            ErrorCode::AccessDenied => (
                "Connection refused",
                "The connection was declined at the provider.",
            ),
            _ => ("Connection not made", description),
        };
        Self {
            title,
            message: message.to_owned(),
            hint: Some("Nothing was connected.".into()),
            token: Some(token.to_owned()),
            back: None,
            reference: flow.to_string(),
        }
    }

    /// The link was good for one connection, which was made in the meantime.
    pub(crate) fn used(flow: AuthorizationSessionId) -> Self {
        Self {
            title: "Connection not made",
            message: "This link has been used already: it is good for one connection.".into(),
            hint: None,
            token: None,
            back: None,
            reference: flow.to_string(),
        }
    }

    /// The names that this end user has just shown us, and that of the credential: nobody else's.
    pub(crate) fn other_account(other: &OtherAccount<'_>) -> Self {
        let came = match other.came {
            Some(came) => format!("You signed in to {came}."),
            None => format!("You signed in to another {} account.", other.provider),
        };
        let wanted = match other.expected {
            Some(expected) => format!("This link is to reconnect {expected}."),
            None => "This link is to reconnect the account that was connected before.".to_owned(),
        };
        let hint = format!(
            "Nothing was changed. Sign out at {}, or choose the other account there, and try again.",
            other.provider
        );
        Self {
            title: "This is another account",
            message: format!("{came} {wanted}"),
            hint: Some(hint),
            token: other.token.map(str::to_owned),
            back: other.back.clone(),
            reference: other.flow.to_string(),
        }
    }

    /// The page.
    pub(crate) fn show(&self) -> HttpResponse {
        show(StatusCode::BAD_REQUEST, self)
    }
}
