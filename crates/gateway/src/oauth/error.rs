//! Error answers of the OAuth endpoints (RFC 6749 section 5.2).

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use chrono::TimeDelta;
use keyway_domain::oauth_error::{self, ErrorCode};
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::Fault, lifecycle::fresh::Unserved, link::parameters::Repeated};

/// An error of an OAuth endpoint (RFC 6749 section 5.2).
#[derive(Serialize, ToSchema)]
#[schema(as = OauthEndpointError)]
pub(crate) struct OauthProblem {
    #[schema(value_type = String, example = "invalid_grant")]
    error: &'static str,
    /// What went wrong, in a sentence.
    error_description: String,
}

/// Every way in which these endpoints say no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OauthError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("body over 64 kB")]
    TooLarge,
    /// The answer is the same for an unknown client and a wrong proof.
    #[error("{detail}")]
    InvalidClient {
        detail: &'static str,
        /// Whether `Authorization: Basic` was tried.
        basic: bool,
    },
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("grant_type {0}")]
    UnsupportedGrantType(String),
    #[error("{code}: {description}")]
    Refused {
        code: ErrorCode,
        description: String,
    },
    #[error("{0}")]
    InvalidProof(&'static str),
    #[error("{detail}")]
    UseNonce { nonce: String, detail: &'static str },
    #[error("too many wrong proofs")]
    SlowDown(TimeDelta),
    #[error(transparent)]
    Unserved(Unserved),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Repeated> for OauthError {
    fn from(Repeated(name): Repeated) -> Self {
        Self::InvalidRequest(format!("{name} is repeated."))
    }
}

impl From<keyway_store::StoreError> for OauthError {
    fn from(error: keyway_store::StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Unserved> for OauthError {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Fault(fault) => Self::Fault(fault),
            Unserved::Gone => Self::InvalidGrant("the credential is gone"),
            Unserved::Reconnect(_) | Unserved::NotRefreshable(_) => {
                Self::InvalidGrant("the end user must reconnect")
            }
            other => Self::Unserved(other),
        }
    }
}

impl OauthError {
    pub(crate) fn respond(&self) -> HttpResponse {
        let (status, code, public) = self.public();
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"));
        match self {
            Self::InvalidClient { basic: true, .. } => {
                response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"Keyway\""));
            }
            Self::UseNonce { nonce, .. } => {
                response.insert_header(("dpop-nonce", nonce.as_str()));
            }
            Self::SlowDown(wait) | Self::Unserved(Unserved::BackingOff(wait)) => {
                response.insert_header((header::RETRY_AFTER, wait.num_seconds().max(1)));
            }
            _ => {}
        }
        let body = OauthProblem {
            error: code.as_str(),
            error_description: oauth_error::description(&public),
        };
        with_detail(response.json(body), format!("{code}: {self}"))
    }

    fn public(&self) -> (StatusCode, ErrorCode, String) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::InvalidRequest(public) => (bad, ErrorCode::InvalidRequest, public.clone()),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::InvalidRequest,
                "The body is larger than 64 kB.".into(),
            ),
            Self::InvalidClient { .. } => (
                StatusCode::UNAUTHORIZED,
                ErrorCode::InvalidClient,
                "The client is unknown, or its proof is missing or wrong.".into(),
            ),
            Self::InvalidGrant(_) => (
                bad,
                ErrorCode::InvalidGrant,
                "The code or token is unknown, expired, revoked, used already, or was issued for another client, redirect_uri, code_verifier or key.".into(),
            ),
            Self::UnsupportedGrantType(_) => (
                bad,
                ErrorCode::UnsupportedGrantType,
                "grant_type must be authorization_code, refresh_token or urn:ietf:params:oauth:grant-type:token-exchange.".into(),
            ),
            Self::Refused { code, description } => (bad, *code, description.clone()),
            Self::InvalidProof(why) => (bad, ErrorCode::InvalidDpopProof, (*why).to_owned()),
            Self::UseNonce { .. } => (
                bad,
                ErrorCode::UseDpopNonce,
                "The DPoP proof must hold the nonce of the DPoP-Nonce header.".into(),
            ),
            Self::SlowDown(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::SlowDown,
                "Too many failed attempts. Wait before you try again.".into(),
            ),
            Self::Unserved(unserved) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
                unserved.public().into(),
            ),
            Self::Fault(fault) => (fault.status(), fault.code(), fault.public().into()),
        }
    }
}
