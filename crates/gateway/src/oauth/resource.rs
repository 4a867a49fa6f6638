//! Keyway as the resource of its own access tokens (RFC 6750, RFC 9449 section 7, RFC 8705 section 3).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use keyway_domain::oauth_error::ErrorCode;
use keyway_store::StoredCredential;
use keyway_web::log::with_detail;
use serde_json::json;

use crate::{
    App,
    error::Fault,
    oauth::{
        access_token, certificate,
        dpop::{self, BadProof, Expected},
    },
};

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    #[error("{detail}")]
    Token {
        scheme: Scheme,
        detail: &'static str,
    },
    #[error("{0}")]
    Proof(&'static str),
    #[error("{detail}")]
    Nonce { nonce: String, detail: &'static str },
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<keyway_store::StoreError> for Denied {
    fn from(error: keyway_store::StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl Denied {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Fault(fault) => fault.status(),
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The answer: what is wrong stands in `WWW-Authenticate`, and in words in the body.
    pub(crate) fn respond(&self) -> HttpResponse {
        let (scheme, code, summary) = match self {
            Self::Token { scheme, .. } => (
                *scheme,
                ErrorCode::InvalidToken,
                "The access token is expired, revoked, or bound to another key.",
            ),
            Self::Proof(why) => (Scheme::Dpop, ErrorCode::InvalidDpopProof, *why),
            Self::Nonce { .. } => (
                Scheme::Dpop,
                ErrorCode::UseDpopNonce,
                "The DPoP proof must hold the nonce of the DPoP-Nonce header.",
            ),
            Self::Fault(fault) => (Scheme::Bearer, fault.code(), fault.public()),
        };
        let mut response = HttpResponse::build(self.status());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = format!("{} error=\"{code}\"", scheme.as_str());
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Self::Nonce { nonce, .. } = self {
            response.insert_header(("dpop-nonce", nonce.as_str()));
        }
        let response = response.json(json!({"error": code.as_str(), "summary": summary}));
        with_detail(response, self.to_string())
    }
}

/// The token of a request, if it looks like one of Keyway's own rather than like an API token.
pub(crate) fn presented(request: &HttpRequest) -> Option<(Scheme, &str)> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("dpop") {
        return Some((Scheme::Dpop, token));
    }
    let is_own = scheme.eq_ignore_ascii_case("bearer") && token.split('.').count() == 3;
    is_own.then_some((Scheme::Bearer, token))
}

/// The credential that a token stands for: its signature, its time, its
/// binding and its family are good.
///
/// # Errors
/// [`Denied`].
pub(crate) async fn credential(
    app: &App,
    request: &HttpRequest,
    (scheme, token): (Scheme, &str),
    now: DateTime<Utc>,
) -> Result<StoredCredential, Denied> {
    let denied = |detail| Denied::Token { scheme, detail };
    let keys = app.signing_keys.current(app, now).await?;
    let verified = access_token::verify(app, &keys, token, now).map_err(denied)?;
    match (&verified.key, scheme) {
        (None, Scheme::Bearer) => {}
        (None, Scheme::Dpop) => return Err(denied("access token bound to no key")),
        // A stolen token must not pass for one that is not bound.
        (Some(_), Scheme::Bearer) => return Err(denied("bound access token sent as Bearer")),
        (Some(bound), Scheme::Dpop) => {
            let expected = Expected {
                nonce: false,
                access_token: Some(token),
            };
            let proven = dpop::prove(app, request, &expected, now).await;
            let proven = proven.map_err(|bad| match bad {
                BadProof::Invalid(why) => Denied::Proof(why),
                BadProof::Nonce { nonce, detail } => Denied::Nonce { nonce, detail },
                BadProof::Fault(fault) => Denied::Fault(fault),
            })?;
            if proven.as_ref() != Some(bound) {
                return Err(denied("access token bound to another key"));
            }
        }
    }
    if let Some(bound) = &verified.certificate {
        let presented = certificate::presented(app, request);
        if presented.is_none_or(|presented| presented.certificate.thumbprint() != bound) {
            return Err(denied("access token bound to another certificate"));
        }
    }
    let found = app
        .store
        .find_credential_of_family(verified.family, verified.client, verified.credential)
        .await?;
    found.ok_or_else(|| denied("access token revoked"))
}
