//! Tokens for the management API: `kw_`, 43 characters of randomness, 6 of checksum.

use sha2::{Digest as _, Sha256};

use crate::{
    opaque::{OpaqueToken, is_token},
    random::Random,
    secret::SecretString,
};

const PREFIX: &str = "kw_";

/// An API token in clear. Shown once, stored as a digest.
///
/// The checksum lets secret scanners and typing errors be told from real tokens without a look
/// at the database.
#[derive(Debug, Clone)]
pub struct ApiToken(SecretString);

impl ApiToken {
    /// A fresh token of 256 random bits.
    pub fn generate(random: &dyn Random) -> Self {
        let body = random.token();
        let text = format!("{PREFIX}{}{}", body.expose(), checksum(body.expose()));
        Self(SecretString::new(text))
    }

    /// Reads a token from an `Authorization` header; `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (body, sum) = rest.split_at_checked(43)?;
        (is_token(body) && sum == checksum(body)).then(|| Self(SecretString::from(text)))
    }
}

impl OpaqueToken for ApiToken {
    const PURPOSE: &'static str = "api-token";
    fn secret(&self) -> &SecretString {
        &self.0
    }
}

fn checksum(body: &str) -> String {
    let [a, b, c, ..] = <[u8; 32]>::from(Sha256::digest(body.as_bytes()));
    format!("{a:02x}{b:02x}{c:02x}")
}

/// What an API token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiScope(&'static str);

/// Not a scope of the management API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope {0:?}; known: {known}", known = ApiScope::ALL.join(", "))]
pub struct UnknownApiScope(String);

impl ApiScope {
    /// See OAuth apps, secrets masked.
    pub const OAUTH_APPS_READ: Self = Self("oauth_apps:read");
    /// Register, change and remove OAuth apps.
    pub const OAUTH_APPS_WRITE: Self = Self("oauth_apps:write");
    /// See redirect URIs.
    pub const REDIRECT_URIS_READ: Self = Self("redirect_uris:read");
    /// Add and remove redirect URIs.
    pub const REDIRECT_URIS_WRITE: Self = Self("redirect_uris:write");
    /// See credentials, secrets masked.
    pub const CREDENTIALS_READ: Self = Self("credentials:read");
    /// Import, change, refresh and delete credentials.
    pub const CREDENTIALS_WRITE: Self = Self("credentials:write");
    /// See the secrets of credentials.
    pub const CREDENTIALS_TOKEN: Self = Self("credentials:token");
    /// Make links into the flow.
    pub const LINK_SESSIONS_WRITE: Self = Self("link_sessions:write");
    /// See webhook endpoints and deliveries.
    pub const WEBHOOKS_READ: Self = Self("webhooks:read");
    /// Make, change and remove webhook endpoints; send deliveries again.
    pub const WEBHOOKS_WRITE: Self = Self("webhooks:write");
    /// Read events.
    pub const EVENTS_READ: Self = Self("events:read");
    /// Call providers through the proxy.
    pub const PROXY: Self = Self("proxy");

    /// Every scope, by name.
    pub const ALL: [&'static str; 12] = [
        "oauth_apps:read",
        "oauth_apps:write",
        "redirect_uris:read",
        "redirect_uris:write",
        "credentials:read",
        "credentials:write",
        "credentials:token",
        "link_sessions:write",
        "webhooks:read",
        "webhooks:write",
        "events:read",
        "proxy",
    ];

    /// Reads a comma-separated list.
    ///
    /// # Errors
    /// [`UnknownApiScope`] names the first that is unknown.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, UnknownApiScope> {
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                let known = Self::ALL.into_iter().find(|known| *known == name);
                known
                    .map(Self)
                    .ok_or_else(|| UnknownApiScope(name.to_owned()))
            })
            .collect()
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_token_reads_back_and_a_typing_error_does_not() {
        let token = ApiToken::generate(&OsRandom);
        let text = token.secret().expose().clone();
        assert!(text.starts_with("kw_") && text.len() == 52);
        assert!(ApiToken::parse(&text).is_some());
        let mut wrong = text.clone();
        wrong.replace_range(10..11, if &text[10..11] == "A" { "B" } else { "A" });
        assert!(ApiToken::parse(&wrong).is_none());
        assert!(ApiToken::parse("kw_").is_none());
        assert!(ApiToken::parse(&text[3..]).is_none());
    }

    #[test]
    fn scopes_are_known_by_name() {
        let scopes = ApiScope::parse_list("credentials:read, credentials:token").expect("known");
        assert_eq!(scopes.len(), 2);
        assert!(ApiScope::parse_list("credentials:all").is_err());
    }
}
