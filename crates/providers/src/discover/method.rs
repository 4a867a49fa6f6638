//! How the client proves itself, by its registered names.

/// A client authentication method (RFC 7591 section 2, RFC 8705 section 2.1.1, OpenID Connect Core
/// section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the registry's")]
pub enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    None,
    ClientSecretJwt,
    TlsClientAuth,
}

/// Not a method that Keyway has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write client_secret_basic, client_secret_post, private_key_jwt, none, client_secret_jwt or tls_client_auth"
)]
pub struct UnknownMethod;

impl Method {
    /// The order in which one is chosen where nobody wishes otherwise: what every server must take
    /// first (RFC 6749 section 2.3.1), what needs a key before what proves nothing.
    pub const USUAL: [Self; 4] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::None,
    ];
    /// The same for a resource's server. MCP's own SDK for Python offers `client_secret_basic`, and
    /// refuses it for want of a `client_id` in the body.
    pub const OF_RESOURCES: [Self; 4] = [
        Self::ClientSecretPost,
        Self::ClientSecretBasic,
        Self::PrivateKeyJwt,
        Self::None,
    ];
    const ALL: [Self; 6] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::None,
        Self::ClientSecretJwt,
        Self::TlsClientAuth,
    ];

    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::TlsClientAuth => "tls_client_auth",
        }
    }

    /// Its name in a definition.
    pub(super) fn in_definition(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "basic",
            Self::ClientSecretPost => "post",
            other => other.as_str(),
        }
    }

    /// Whether the client proves itself by an assertion.
    pub(super) fn asserts(self) -> bool {
        matches!(self, Self::PrivateKeyJwt | Self::ClientSecretJwt)
    }
}

impl std::str::FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or(UnknownMethod)
    }
}
