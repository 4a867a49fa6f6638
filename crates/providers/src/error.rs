//! What can go wrong at a provider.

use chrono::TimeDelta;
use keyway_domain::{oauth_error::ErrorCode, secret::SecretString};

/// A call to a provider failed. `Display` is for the flow log: the provider's own words, with
/// every secret that we know of cut out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider answered with an error of its own, at whatever status.
    #[error("the provider answered {status} {error}{}", .description.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
    Refused {
        /// HTTP status.
        status: u16,
        /// The provider's code.
        error: String,
        /// The provider's words.
        description: Option<String>,
        /// How long the provider asks us to wait.
        retry_after: Option<TimeDelta>,
    },
    /// No connection: name, address guard, TCP or TLS. Nothing was sent.
    #[error("the provider could not be reached: {0}")]
    Unreachable(String),
    /// The connection broke after the request may have been read: the provider may have done what
    /// it was asked.
    #[error("the connection to the provider broke: {0}")]
    Broken(String),
    /// The whole call took longer than it may.
    #[error("the provider did not answer within {0} seconds")]
    Timeout(u64),
    /// An error status without an error that can be read.
    #[error("the provider answered {status}{}", if .excerpt.is_empty() { String::new() } else { format!(": {}", .excerpt) })]
    Status {
        /// HTTP status.
        status: u16,
        /// The start of the body.
        excerpt: String,
        /// How long the provider asks us to wait.
        retry_after: Option<TimeDelta>,
    },
    /// The answer cannot be understood.
    #[error("the provider's answer cannot be used: {0}")]
    Malformed(String),
    /// The answer is larger than it may be.
    #[error("the provider's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The callback or the `id_token` is not what the provider would have made.
    #[error("the provider's answer cannot be trusted: {0}")]
    Untrusted(String),
    /// The definition and the values at hand do not make a request.
    #[error("the request to the provider cannot be made: {0}")]
    Unusable(String),
}

impl ProviderError {
    /// The error code for the client (RFC 6749 section 4.1.2.1).
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable(_) | Self::Broken(_) | Self::Timeout(_) => {
                ErrorCode::TemporarilyUnavailable
            }
            Self::Status { status, .. } | Self::Refused { status, .. }
                if *status == 429 || *status >= 500 =>
            {
                ErrorCode::TemporarilyUnavailable
            }
            Self::Refused { error, .. } if error == "access_denied" => ErrorCode::AccessDenied,
            Self::Refused { .. }
            | Self::Status { .. }
            | Self::Malformed(_)
            | Self::TooLarge(_)
            | Self::Untrusted(_)
            | Self::Unusable(_) => ErrorCode::ServerError,
        }
    }

    /// How long the provider asks us to wait (`Retry-After`), at most a day.
    pub fn retry_after(&self) -> Option<TimeDelta> {
        match self {
            Self::Refused { retry_after, .. } | Self::Status { retry_after, .. } => *retry_after,
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Timeout(_)
            | Self::Malformed(_)
            | Self::TooLarge(_)
            | Self::Untrusted(_)
            | Self::Unusable(_) => None,
        }
    }

    /// The sentence for the client: fixed, and silent about what the provider said.
    pub fn public(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "The provider refused to complete the connection.",
            Self::Unreachable(_) => "The provider could not be reached.",
            Self::Broken(_) => "The provider did not complete its answer.",
            Self::Timeout(_) => "The provider did not answer in time.",
            Self::Status { .. } => "The provider answered with an error.",
            Self::Malformed(_) | Self::TooLarge(_) => {
                "The provider's answer could not be understood."
            }
            Self::Untrusted(_) => "The provider's answer could not be trusted.",
            Self::Unusable(_) => "The provider is not set up correctly.",
        }
    }
}

/// The secrets of one call, to be cut out of whatever is kept of it.
#[derive(Debug, Default)]
pub struct Redaction(Vec<SecretString>);

impl Redaction {
    /// Adds a secret. Values under 6 characters are not looked for: they would cut into words.
    pub fn add(&mut self, secret: &SecretString) {
        if secret.expose().len() >= 6 {
            self.0.push(secret.clone());
        }
    }

    /// `text` on one line, without the secrets, and at most 500 characters of it.
    pub fn words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            let plain = secret.expose().as_str();
            let escaped: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            text = text
                .replace(plain, "[redacted]")
                .replace(&escaped, "[redacted]");
        }
        let one_line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let trimmed = one_line.trim();
        match trimmed.char_indices().nth(500) {
            Some((end, _)) => format!("{}…", trimmed.get(..end).unwrap_or_default()),
            None => trimmed.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out_of_a_providers_words() {
        let mut redaction = Redaction::default();
        redaction.add(&"se/cret".into());
        assert_eq!(
            redaction.words("bad se/cret\nor se%2Fcret"),
            "bad [redacted] or [redacted]"
        );
        assert_eq!(redaction.words(&"x".repeat(900)).chars().count(), 501);
    }
}
