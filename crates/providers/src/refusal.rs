//! What a failure means for the tokens: words of RFC 6749 section 5.2, and the vendors' own.

use chrono::TimeDelta;

use crate::error::ProviderError;

/// What a refresh that failed means for the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshFailure {
    /// The refresh token is no good any more: the end user must reconnect.
    Dead,
    /// The provider does not take the app, or the request as such. It is not the grant's fault, and
    /// it will not pass by itself.
    Misconfigured,
    /// No answer that could be read: the provider may have spent the refresh token.
    Unanswered,
    /// Not now; perhaps after so long.
    Later(Option<TimeDelta>),
}

/// The grant is over. In lower case; vendors write them as they please.
const DEAD: [&str; 12] = [
    "invalid_grant",
    // GitHub and HubSpot
    "bad_refresh_token",
    // Slack
    "invalid_refresh_token",
    "token_expired",
    "token_revoked",
    "account_inactive",
    // Microsoft (OpenID Connect Core section 3.1.2.6)
    "consent_required",
    "interaction_required",
    "login_required",
    // seen at others
    "expired_refresh_token",
    "refresh_token_expired",
    "refresh_token_revoked",
];

/// The provider has trouble of its own.
const PASSING: [&str; 10] = [
    // A nonce came and went between two requests (RFC 9449 section 8).
    "use_dpop_nonce",
    "server_error",
    "temporarily_unavailable",
    "slow_down",
    "rate_limit_exceeded",
    // Slack
    "ratelimited",
    "internal_error",
    "fatal_error",
    "request_timeout",
    "service_unavailable",
];

/// The access token is no good.
const BAD_TOKEN: [&str; 6] = [
    // RFC 6750 section 3.1
    "invalid_token",
    // Slack
    "invalid_auth",
    "not_authed",
    // GraphQL servers
    "authentication_error",
    "unauthenticated",
    // HubSpot
    "expired_authentication",
];

impl ProviderError {
    /// What it means if a refresh ended with it.
    pub fn refresh_failure(&self) -> RefreshFailure {
        match self {
            Self::Refused { error, .. } if is_one_of(&DEAD, error) => RefreshFailure::Dead,
            Self::Refused {
                status,
                error,
                retry_after,
                ..
            } if is_passing(*status) || is_one_of(&PASSING, error) => {
                RefreshFailure::Later(*retry_after)
            }
            Self::Status {
                status,
                retry_after,
                ..
            } if is_passing(*status) => RefreshFailure::Later(*retry_after),
            Self::Unreachable(_) => RefreshFailure::Later(None),
            // A success that cannot be read may have held the next refresh token.
            Self::Broken(_) | Self::Timeout(_) | Self::Malformed(_) | Self::TooLarge(_) => {
                RefreshFailure::Unanswered
            }
            Self::Refused { .. } | Self::Status { .. } | Self::Untrusted(_) | Self::Unusable(_) => {
                RefreshFailure::Misconfigured
            }
        }
    }

    /// Whether a call with an access token ended with this because the token is no good.
    pub fn condemns_token(&self) -> bool {
        match self {
            Self::Refused { status, error, .. } => {
                matches!(status, 401 | 403)
                    || is_one_of(&BAD_TOKEN, error)
                    || is_one_of(&DEAD, error)
            }
            Self::Status { status, .. } => matches!(status, 401 | 403),
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Timeout(_)
            | Self::Malformed(_)
            | Self::TooLarge(_)
            | Self::Untrusted(_)
            | Self::Unusable(_) => false,
        }
    }
}

/// Statuses that say nothing of the request: wait, and send it again.
fn is_passing(status: u16) -> bool {
    matches!(status, 300..=399 | 408 | 425 | 429 | 500..)
}

fn is_one_of(words: &[&str], error: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, error: &str) -> RefreshFailure {
        let error = ProviderError::Refused {
            status,
            error: error.into(),
            description: None,
            retry_after: Some(TimeDelta::seconds(7)),
        };
        error.refresh_failure()
    }

    fn status(status: u16) -> RefreshFailure {
        let error = ProviderError::Status {
            status,
            excerpt: String::new(),
            retry_after: None,
        };
        error.refresh_failure()
    }

    #[test]
    fn a_grant_that_is_over_is_told_at_any_status() {
        for (code, error) in [
            (400, "invalid_grant"),
            (200, "bad_refresh_token"),
            (400, "BAD_REFRESH_TOKEN"),
            (200, "token_revoked"),
            (401, "invalid_grant"),
        ] {
            assert_eq!(refused(code, error), RefreshFailure::Dead, "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_app_is_not_the_grants_fault() {
        for (code, error) in [
            (401, "invalid_client"),
            (400, "unauthorized_client"),
            (400, "invalid_request"),
            (200, "bad_client_secret"),
            (403, "anything"),
        ] {
            assert_eq!(
                refused(code, error),
                RefreshFailure::Misconfigured,
                "{error}"
            );
        }
        assert_eq!(status(404), RefreshFailure::Misconfigured);
        let unusable = ProviderError::Unusable("no variable".into());
        assert_eq!(unusable.refresh_failure(), RefreshFailure::Misconfigured);
    }

    #[test]
    fn what_passes_is_tried_again_when_the_provider_says() {
        let later = RefreshFailure::Later(Some(TimeDelta::seconds(7)));
        for (code, error) in [(429, "rate_limited"), (503, "down"), (200, "ratelimited")] {
            assert_eq!(refused(code, error), later, "{error}");
        }
        for code in [302, 408, 429, 500, 502, 503, 504] {
            assert_eq!(status(code), RefreshFailure::Later(None), "{code}");
        }
        let unreachable = ProviderError::Unreachable("refused".into());
        assert_eq!(unreachable.refresh_failure(), RefreshFailure::Later(None));
    }

    #[test]
    fn an_answer_that_cannot_be_read_may_have_spent_the_token() {
        for error in [
            ProviderError::Timeout(10),
            ProviderError::Broken("reset".into()),
            ProviderError::Malformed("half".into()),
            ProviderError::TooLarge(1),
        ] {
            assert_eq!(
                error.refresh_failure(),
                RefreshFailure::Unanswered,
                "{error}"
            );
        }
    }
}
