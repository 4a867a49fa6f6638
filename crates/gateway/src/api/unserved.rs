//! Error answers of the endpoints that refresh.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use chrono::TimeDelta;
use keyway_providers::{ProviderError, refusal::RefreshFailure};
use keyway_web::log::with_detail;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{credentials::Health, error::ApiError},
    error::Fault,
    lifecycle::fresh::Unserved,
};

/// Every way in which these endpoints say no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl From<Fault> for RefreshError {
    fn from(fault: Fault) -> Self {
        Self::Api(fault.into())
    }
}

impl From<keyway_store::StoreError> for RefreshError {
    fn from(error: keyway_store::StoreError) -> Self {
        Self::Api(error.into())
    }
}

/// Why there is no token to be had.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoToken {
    /// What went wrong, in a sentence.
    #[schema(value_type = String)]
    summary: &'static str,
    /// The credential's health, if that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    health: Option<Health>,
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        let unserved = match self {
            Self::Api(error) => return error.status_code(),
            Self::Unserved(unserved) => unserved,
        };
        match unserved {
            Unserved::Gone => StatusCode::NOT_FOUND,
            Unserved::Reconnect(_) | Unserved::NotRefreshable(_) => StatusCode::CONFLICT,
            Unserved::Busy
            | Unserved::Failed {
                error: ProviderError::Timeout(_),
                ..
            } => StatusCode::GATEWAY_TIMEOUT,
            Unserved::Failed { .. } | Unserved::BackingOff(_) => StatusCode::BAD_GATEWAY,
            Unserved::Fault(fault) => fault.status(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let unserved = match self {
            Self::Api(error) => return error.error_response(),
            Self::Unserved(unserved) => unserved,
        };
        let (health, wait) = match unserved {
            Unserved::Reconnect(health) | Unserved::NotRefreshable(health) => (Some(health), None),
            Unserved::Failed { retry_after, .. } => (None, *retry_after),
            Unserved::BackingOff(wait) => (None, Some(*wait)),
            Unserved::Busy => (None, Some(TimeDelta::seconds(1))),
            Unserved::Gone | Unserved::Fault(_) => (None, None),
        };
        let summary = unserved.public();
        let health = health.cloned().map(Health::of);
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(wait) = wait {
            // Rounded up: whoever comes back then is not too early.
            let seconds = (wait.num_milliseconds() + 999) / 1000;
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        with_detail(response.json(NoToken { summary, health }), self.to_string())
    }
}

impl Unserved {
    /// The sentence for whoever asked: fixed, and silent about what the provider said.
    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::Gone => "There is no such credential.",
            Self::Reconnect(_) => "The end user must reconnect.",
            Self::NotRefreshable(_) => "There is nothing to refresh this credential with.",
            Self::Failed { error, .. } => public(error),
            Self::BackingOff(_) => "The provider failed a moment ago. Try again later.",
            Self::Busy => "The provider takes long.",
            Self::Fault(fault) => fault.public(),
        }
    }
}

fn public(error: &ProviderError) -> &'static str {
    match error.refresh_failure() {
        RefreshFailure::Dead => "The end user must reconnect.",
        RefreshFailure::Misconfigured => {
            "The provider does not take the refresh. Check the OAuth app's client ID and secret."
        }
        RefreshFailure::Unanswered => "The provider did not answer. Try again later.",
        RefreshFailure::Later(_) => "The provider failed. Try again later.",
    }
}
