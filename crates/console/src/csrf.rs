//! Forms that are ours: sent from a page of this console, in the browser that it was made for.
//!
//! Two checks, each enough by itself in a sound browser. The browser says where a form comes from
//! (`Origin`, `Sec-Fetch-Site`); and the form carries a token that belongs to a cookie which other
//! sites can neither read nor, with its `__Host-` prefix, set.

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    dev::Payload,
    http::StatusCode,
    web,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use futures_util::future::LocalBoxFuture;
use keyway_domain::{SecretString, opaque::OpaqueToken};
use keyway_vault::digest;
use keyway_web::{
    cookie,
    origin::{self, ForeignForm},
};
use serde::de::DeserializeOwned;

use crate::{
    App,
    error::PageError,
    session::{self, Session},
};

/// The hidden field.
const FIELD: &str = "csrf";
/// The cookie of forms that are filled in before anybody is signed in.
const COOKIE: &str = "keyway-console-form";
const COOKIE_LIFE: Duration = Duration::hours(12);

/// Fields that a refused form gives back as text, so that nothing typed is lost. No secret is
/// among them.
const KEPT: [(&str, &str); 14] = [
    ("name", "Name"),
    ("client_id", "Client ID"),
    ("scopes", "Scopes"),
    ("uri", "Redirect URI"),
    ("url", "URL"),
    ("description", "Description"),
    ("slug", "Slug"),
    ("text", "Definition"),
    ("note", "Note"),
    ("documentation", "Documentation"),
    ("authorize_url", "Authorization URL"),
    ("token_url", "Token URL"),
    ("identity_url", "Identity URL"),
    ("id_path", "Path of the id"),
];

/// Why a form is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Foreign(#[from] ForeignForm),
    #[error("token missing or wrong")]
    Token(Vec<(&'static str, String)>),
}

impl Refusal {
    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::Foreign(_) => {
                "The form was not sent from a page of this console. If you opened the console at \
                 another address than the one it is set up for (KEYWAY_CONSOLE_URL), open it there."
            }
            Self::Token(_) => {
                "The form belongs to an earlier sign-in, perhaps in another tab. Open the page \
                 again and send it once more."
            }
        }
    }

    pub(crate) fn kept(&self) -> &[(&'static str, String)] {
        match self {
            Self::Token(kept) => kept,
            Self::Foreign(_) => &[],
        }
    }
}

/// The value of the hidden field: a digest of the cookie's secret, which it does not give away.
pub(crate) fn token(secret: &SecretString) -> String {
    let seed = Seed(secret.clone());
    Base64UrlUnpadded::encode_string(digest::unkeyed(&seed).as_bytes())
}

struct Seed(SecretString);

impl OpaqueToken for Seed {
    const PURPOSE: &'static str = "console-form";
    fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// A form of ours, sent by an admin who is signed in. To have one is to have checked.
#[derive(Debug)]
pub(crate) struct Submitted<T> {
    pub(crate) session: Session,
    pub(crate) form: T,
}

/// A form of ours that one fills in without being signed in.
#[derive(Debug)]
pub(crate) enum Posted<T> {
    /// From this browser's own page.
    Ours(T),
    /// From a page of this console, but its cookie is gone: show the form again.
    Stale(T),
}

impl<T: DeserializeOwned + 'static> FromRequest for Submitted<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let submitted = async {
                let app = session::app(&request)?;
                origin::check(&app.console_url, &request).map_err(Refusal::from)?;
                let session = session::find(app, &request)
                    .await?
                    .ok_or(PageError::SignedOut)?;
                let body = read(&request, body.await)?;
                if !matches(&body, &session.csrf()) {
                    return Err(Refusal::Token(kept(&body)).into());
                }
                let form = parse(&body)?;
                Ok(Self { session, form })
            };
            submitted
                .await
                .map_err(|error: PageError| error.reject(&request))
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let posted = async {
                let app = session::app(&request)?;
                origin::check(&app.console_url, &request).map_err(Refusal::from)?;
                let body = read(&request, body.await)?;
                let form = parse(&body)?;
                let secret = Visitor::of(app, &request);
                Ok(match secret {
                    Some(visitor) if matches(&body, &visitor.csrf()) => Self::Ours(form),
                    _ => Self::Stale(form),
                })
            };
            posted
                .await
                .map_err(|error: PageError| error.reject(&request))
        })
    }
}

/// A browser in which nobody is signed in, known by a cookie for its forms alone.
pub(crate) struct Visitor(SecretString);

impl Visitor {
    fn of(app: &App, request: &HttpRequest) -> Option<Self> {
        let cookie = request.cookie(&cookie::name(&app.console_url, COOKIE))?;
        // Shorter ones are none of ours, and too easy to guess.
        (cookie.value().len() == 43).then(|| Self(cookie.value().into()))
    }

    /// The visitor, known already or new. Kept as it is where possible, so that two tabs work.
    pub(crate) fn welcome(app: &App, request: &HttpRequest) -> Self {
        Self::of(app, request).unwrap_or_else(|| Self(app.random.as_ref().token()))
    }

    pub(crate) fn csrf(&self) -> String {
        token(&self.0)
    }

    pub(crate) fn cookie(&self, app: &App) -> Cookie<'static> {
        cookie::make(
            &app.console_url,
            COOKIE,
            self.0.expose().clone(),
            SameSite::Strict,
            COOKIE_LIFE,
        )
    }
}

fn read(
    request: &HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<String, PageError> {
    if request.content_type() != "application/x-www-form-urlencoded" {
        return Err(PageError::NotAForm);
    }
    let body = body.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => PageError::TooLarge,
        _ => PageError::Malformed(error.to_string()),
    })?;
    String::from_utf8(body.to_vec()).map_err(|_| PageError::Malformed("body".into()))
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, PageError> {
    // A form is written as a query is. The error names the field and quotes no value.
    web::Query::<T>::from_query(body)
        .map(web::Query::into_inner)
        .map_err(|_| PageError::Malformed("form fields".into()))
}

fn matches(body: &str, expected: &str) -> bool {
    url::form_urlencoded::parse(body.as_bytes())
        .find(|(name, _)| name == FIELD)
        .is_some_and(|(_, sent)| digest::equal(&sent.as_ref().into(), &expected.into()))
}

fn kept(body: &str) -> Vec<(&'static str, String)> {
    let fields = url::form_urlencoded::parse(body.as_bytes());
    fields
        .filter_map(|(name, value)| {
            let (_, label) = KEPT.iter().find(|(known, _)| *known == name)?;
            (!value.is_empty()).then(|| (*label, value.into_owned()))
        })
        .take(KEPT.len())
        .collect()
}
