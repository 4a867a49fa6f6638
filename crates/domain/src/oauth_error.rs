//! Error codes of OAuth 2.0.

use serde::{Deserialize, Serialize};

/// An `error` value of RFC 6749 section 4.1.2.1 or 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// RFC 6749 4.1.2.1, 5.2: a parameter is missing, repeated or malformed.
    InvalidRequest,
    /// RFC 6749 5.2: client authentication failed.
    InvalidClient,
    /// RFC 6749 5.2: the code is unknown, expired, used, or issued to another client.
    InvalidGrant,
    /// RFC 6749 4.1.2.1: the client may not use this flow.
    UnauthorizedClient,
    /// RFC 6749 4.1.2.1: the end user or the provider said no.
    AccessDenied,
    /// RFC 6749 4.1.2.1: the provider does not offer the flow.
    UnsupportedResponseType,
    /// RFC 6749 4.1.2.1: a scope is unknown or malformed.
    InvalidScope,
    /// RFC 6749 4.1.2.1: something failed that the client cannot mend.
    ServerError,
    /// RFC 6749 4.1.2.1: try again later.
    TemporarilyUnavailable,
    /// RFC 6749 4.1.2.1 through OpenID Connect Core 3.1.2.6: nothing was to be asked, and something
    /// had to be.
    InteractionRequired,
    /// OpenID Connect Core 3.1.2.6: request objects are not taken.
    RequestNotSupported,
    /// OpenID Connect Core 3.1.2.6: the pushed request is unknown, expired or used.
    InvalidRequestUri,
    /// RFC 6749 5.2: another grant type than those that are served.
    UnsupportedGrantType,
    /// RFC 6750 3.1: the access token is expired, revoked, or bound to another key.
    InvalidToken,
    /// RFC 8693 2.2.2, RFC 8707 2: another resource than the one that there is.
    InvalidTarget,
    /// RFC 9449 5: the proof is malformed, too old, or was here before.
    InvalidDpopProof,
    /// RFC 9449 8: the proof must hold the nonce that comes with this answer.
    UseDpopNonce,
    /// RFC 8628 3.5, used here for rate limits: ask less often.
    SlowDown,
}

impl ErrorCode {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidToken => "invalid_token",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::SlowDown => "slow_down",
        }
    }

    /// The code for a provider's `error` at its authorization endpoint: the values of
    /// RFC 6749 4.1.2.1 pass, anything else is the provider's own and becomes `server_error`.
    pub fn from_authorization_response(error: &str) -> Self {
        match error {
            "invalid_request" => Self::InvalidRequest,
            "unauthorized_client" => Self::UnauthorizedClient,
            // OpenID Connect Core 3.1.2.6: the end user did not complete an interaction.
            "access_denied"
            | "user_denied"
            | "user_cancelled_login"
            | "user_cancelled_authorize"
            | "consent_required"
            | "login_required"
            | "interaction_required"
            | "account_selection_required" => Self::AccessDenied,
            "unsupported_response_type" => Self::UnsupportedResponseType,
            "invalid_scope" => Self::InvalidScope,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            _ => Self::ServerError,
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes `text` fit for `error_description`: only %x20-21, %x23-5B and %x5D-7E (RFC 6749 5.2),
/// at most 300 characters. A provider's text is data; what does not fit becomes `?`.
pub fn description(text: &str) -> String {
    text.chars()
        .take(300)
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_keeps_to_the_grammar() {
        assert_eq!(description("a \"b\" \\c\n\u{e9}"), "a 'b' /c??");
        assert_eq!(description(&"x".repeat(1000)).len(), 300);
    }
}
