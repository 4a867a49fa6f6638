//! The token endpoint: exchange, refresh, and how its answers are read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{SigningAlgorithm, Success, defaults};
use crate::template::Template;

/// The token endpoint (RFC 6749 section 3.2).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its URL; may hold `{variables}` and `{callback.<name>}`.
    pub url: Template,
    /// How the client proves itself (RFC 6749 section 2.3).
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// Form of the request.
    #[serde(default)]
    pub body: Body,
    /// Additional headers. `Accept: application/json` is always sent. A value may hold
    /// `{variables}`, `{client_id}` and `{client_secret}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Additional parameters. A value may hold what the URL may; one that is empty is left out.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
    /// The provider's names for standard parameters.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Standard parameters of the exchange to leave out, for providers that refuse them.
    #[serde(default)]
    pub omit: Vec<String>,
    /// How to read the answer.
    #[serde(default)]
    pub response: TokenResponse,
    /// Tokens are bound to a key of each credential's own, by proofs (RFC 9449).
    #[serde(default)]
    pub dpop: bool,
    /// What an assertion says by which the client proves itself.
    #[serde(default)]
    pub client_assertion: ClientAssertion,
}

/// A client's assertion (RFC 7523 section 3), beyond what all of them say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAssertion {
    /// `aud`: the issuer, for providers that want it; absent: the URL of the token endpoint.
    pub audience: Option<Template>,
    /// `kid` of the header, for providers that give keys names of their own; absent: the key's
    /// thumbprint (RFC 7638), which is its `kid` in the key set that Keyway publishes. Empty: there is
    /// none.
    pub key_id: Option<Template>,
    /// `alg` of the header; absent: RS256, ES256, ES384 or `EdDSA`, whichever goes with the key.
    pub algorithm: Option<SigningAlgorithm>,
}

impl Token {
    /// The provider's name for a standard parameter; none if it is left out.
    pub fn parameter<'a>(&'a self, standard: &'a str) -> Option<&'a str> {
        defaults::parameter(&self.rename, &self.omit, standard)
    }
}

/// How the client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_secret_basic`: the Authorization header.
    Basic,
    /// `client_secret_post`: in the body.
    #[default]
    Post,
    /// Header and body, for providers that want the id in both.
    BasicAndPost,
    /// `none`: a public client, PKCE alone.
    None,
    /// The secret alone as the user of a Basic header (Stripe's API keys).
    SecretAsUser,
    /// The id in the body, the secret in a header of the provider's own.
    Header,
    /// `private_key_jwt` (RFC 7523 section 2.2): the app's secret is a private key.
    PrivateKeyJwt,
    /// `client_secret_jwt`: an assertion with the secret as its key.
    ClientSecretJwt,
    /// `tls_client_auth` (RFC 8705 section 2): the app's secret is a certificate, or a chain of them,
    /// and its key, in PEM. The id goes in the body.
    TlsClientAuth,
}

/// Form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `application/x-www-form-urlencoded`, as the standard says.
    #[default]
    Form,
    /// `application/json`.
    Json,
    /// A GET, with everything in its query.
    Query,
}

/// How to read a token endpoint's answer. Every field is a list of paths: the first that is there
/// counts. The standard's own names are the defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenResponse {
    /// Where the token object sits; empty for the top.
    pub root: String,
    /// A condition for success besides the status, such as Slack's `ok`.
    pub success: Option<Success>,
    /// The access token.
    pub access_token: Vec<String>,
    /// The refresh token.
    pub refresh_token: Vec<String>,
    /// The token type.
    pub token_type: Vec<String>,
    /// The granted scopes: a text with spaces or commas, or a list.
    pub scope: Vec<String>,
    /// Seconds until the access token ends.
    pub expires_in: Vec<String>,
    /// The moment at which it ends: seconds or milliseconds since 1970, or RFC 3339.
    pub expires_at: Vec<String>,
    /// Seconds until the refresh token ends.
    pub refresh_expires_in: Vec<String>,
    /// The moment at which it ends.
    pub refresh_expires_at: Vec<String>,
    /// Life of an access token in seconds where the answer does not tell.
    pub default_lifetime: Option<u32>,
    /// The `id_token`.
    pub id_token: Vec<String>,
    /// Code of an error, at any status.
    pub error: Vec<String>,
    /// The provider's words for it.
    pub error_description: Vec<String>,
    /// RFC 6749's codes for the provider's own.
    pub errors: BTreeMap<String, String>,
}

impl Default for TokenResponse {
    fn default() -> Self {
        let paths = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
        Self {
            root: String::new(),
            success: None,
            access_token: paths(&["access_token"]),
            refresh_token: paths(&["refresh_token"]),
            token_type: paths(&["token_type"]),
            scope: paths(&["scope"]),
            expires_in: paths(&["expires_in"]),
            expires_at: Vec::new(),
            refresh_expires_in: paths(&["refresh_token_expires_in", "refresh_expires_in"]),
            refresh_expires_at: Vec::new(),
            default_lifetime: None,
            id_token: paths(&["id_token"]),
            error: paths(&["error.code", "error.type", "error", "code", "errorCode"]),
            error_description: paths(&[
                "error_description",
                "error.message",
                "errorSummary",
                "message",
                "detail",
            ]),
            errors: BTreeMap::new(),
        }
    }
}

/// How a refresh differs from an exchange (RFC 6749 section 6). Everything else is as in
/// [`Token`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// What becomes of the refresh token that was used.
    #[serde(default)]
    pub rotation: Rotation,
    /// What is presented.
    #[serde(default, rename = "with")]
    pub renewed_with: RenewedWith,
    /// Value of `grant_type`; empty leaves it out.
    #[serde(default = "defaults::refresh_token")]
    pub grant_type: String,
    /// Life of an unused refresh token in seconds, where the answer does not tell.
    pub lifetime: Option<u32>,
    /// Whether the redirect URI goes along (GitLab).
    #[serde(default)]
    pub redirect_uri: bool,
    /// The endpoint, if it is another.
    pub url: Option<Template>,
    /// Another form of the request.
    pub body: Option<Body>,
    /// Another proof of the client.
    pub client_authentication: Option<ClientAuthentication>,
    /// Other headers.
    pub headers: Option<BTreeMap<String, Template>>,
    /// Additional parameters, on top of the token endpoint's.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
    /// Other names.
    pub rename: Option<BTreeMap<String, String>>,
    /// Other omissions.
    pub omit: Option<Vec<String>>,
    /// Another form of the answer.
    pub response: Option<TokenResponse>,
}

impl Refresh {
    /// The token endpoint as a refresh sees it.
    pub fn endpoint(&self, token: &Token) -> Token {
        let own = |parameters: &BTreeMap<String, Template>| {
            let mut all = parameters.clone();
            all.extend(self.parameters.clone());
            all
        };
        Token {
            url: self.url.clone().unwrap_or_else(|| token.url.clone()),
            client_authentication: self
                .client_authentication
                .unwrap_or(token.client_authentication),
            body: self.body.unwrap_or(token.body),
            headers: self
                .headers
                .clone()
                .unwrap_or_else(|| token.headers.clone()),
            parameters: own(&token.parameters),
            rename: self.rename.clone().unwrap_or_else(|| token.rename.clone()),
            // What an exchange leaves out says nothing of a refresh.
            omit: self.omit.clone().unwrap_or_default(),
            response: self
                .response
                .clone()
                .unwrap_or_else(|| token.response.clone()),
            dpop: token.dpop,
            client_assertion: token.client_assertion.clone(),
        }
    }
}

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// It dies; the answer brings its successor.
    SingleUse,
    /// The answer may bring a newer one; keep it.
    #[default]
    Renewed,
    /// It stays.
    Static,
}

/// What a refresh presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenewedWith {
    /// The refresh token.
    #[default]
    RefreshToken,
    /// The access token itself, before it ends (Meta).
    AccessToken,
}
