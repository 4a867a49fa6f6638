//! The declarative format: what a provider's documentation says, as data.

mod authorize;
mod call;
mod credential;
mod defaults;
mod entry;
mod id_token;
mod read;
mod request;
mod token;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use url::Url;

pub(crate) use self::read::read;
pub use self::{
    authorize::{Authorize, Callback, CallbackParameter, Choice, Pkce, Where},
    call::{BasicPair, Call, CallAuthorization, Identity, Method, Success},
    credential::{Cast, Credential, Property},
    entry::{Assertion, OAuth1, SignatureMethod},
    id_token::{IdToken, SigningAlgorithm},
    read::InvalidDefinition,
    token::{
        Body, ClientAssertion, ClientAuthentication, Refresh, RenewedWith, Rotation, Token,
        TokenResponse,
    },
};
use crate::{api::Api, host::HostPattern, variables::Variable};

/// One provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name for people.
    pub name: String,
    /// What it is about: one of [`CATEGORIES`], or a word of your own.
    pub category: String,
    /// The vendor's page that this file was written from.
    pub documentation: Url,
    /// When that page was read; of what is not verified, when its sources were.
    pub checked: NaiveDate,
    /// How sure the file is.
    pub certainty: Certainty,
    /// The way in which accounts are connected.
    #[serde(default)]
    pub auth: Auth,
    /// The secret variable that counts as the access token, where keys are entered.
    pub entry: Option<String>,
    /// What an admin does at the provider to get a client, in order.
    #[serde(default)]
    pub setup: Setup,
    /// Host patterns that a URL may have where a variable or a provider's answer stands in its host.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// Values that differ from one end user to the next, such as a shop.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// What the usual scopes allow, in the vendor's words.
    #[serde(default)]
    pub scopes: BTreeMap<String, String>,
    /// The authorization endpoint; none where keys are entered.
    pub authorize: Option<Authorize>,
    /// What comes back.
    #[serde(default)]
    pub callback: Callback,
    /// The token endpoint; none where keys are entered.
    pub token: Option<Token>,
    /// How an `id_token` is checked, beyond its claims.
    pub id_token: Option<IdToken>,
    /// The tokens of the exchange are exchanged again, at once, for ones that live longer (Meta).
    pub long_lived: Option<Token>,
    /// How a refresh differs from an exchange; absent if access tokens last or cannot be renewed.
    pub refresh: Option<Refresh>,
    /// How a grant is ended at the provider (RFC 7009 or the vendor's own way).
    pub revoke: Option<Call>,
    /// Calls that tell whose the tokens are, in order; a later one may use an earlier one's answer.
    /// Where keys are entered they are also the check of the key.
    #[serde(default)]
    pub identity: Vec<Identity>,
    /// Which of several accounts behind one grant is meant.
    pub choice: Option<Choice>,
    /// How calls are signed with OAuth 1.0a (RFC 5849).
    pub oauth1: Option<OAuth1>,
    /// The assertion that access tokens are minted with (RFC 7523 section 2.1).
    pub assertion: Option<Assertion>,
    /// Where the provider's API is, for the proxy; absent: there is no proxy to it.
    pub api: Option<Api>,
    /// What becomes of it all.
    #[serde(default)]
    pub credential: Credential,
    /// Products, sandboxes and regions that are providers of their own: what they change.
    #[serde(default)]
    variants: BTreeMap<String, toml::Table>,
}

/// What the shipped providers are about.
pub const CATEGORIES: [&str; 36] = [
    "accounting",
    "advertising",
    "analytics",
    "automation",
    "calendar",
    "communication",
    "crm",
    "databases",
    "design",
    "developer-tools",
    "e-commerce",
    "education",
    "email",
    "files",
    "finance",
    "fitness",
    "gaming",
    "government",
    "health",
    "hr",
    "identity",
    "iot",
    "legal",
    "logistics",
    "marketing",
    "media",
    "other",
    "payments",
    "productivity",
    "project-management",
    "real-estate",
    "security",
    "social",
    "support",
    "travel",
    "video",
];

/// How sure a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Endpoints, client authentication, PKCE, scopes and refresh were read on the vendor's page.
    Verified,
    /// Two or more independent sources agree.
    Reported,
    /// One source.
    Single,
}

impl Certainty {
    /// The word as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Reported => "reported",
            Self::Single => "single",
        }
    }
}

/// The way in which accounts are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// The authorization code flow (RFC 6749 section 4.1).
    #[default]
    Oauth2,
    /// The end user enters a key.
    ApiKey,
    /// The end user enters a name and a password, for the Basic scheme (RFC 7617).
    Basic,
    /// The end user enters a client's id and secret (RFC 6749 section 4.4).
    ClientCredentials,
    /// The end user enters a private key, and tokens are minted with what it signs (RFC 7523).
    JwtBearer,
    /// The end user enters the four values of a signed request (RFC 5849).
    #[serde(rename = "oauth1")]
    OAuth1,
}

impl Auth {
    /// The word in definitions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oauth2 => "oauth2",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::OAuth1 => "oauth1",
        }
    }

    /// What is entered on a hosted form, and not granted at the provider.
    pub fn is_entered(self) -> bool {
        self != Self::Oauth2
    }

    /// Whether access tokens are minted anew with what was entered, and not refreshed.
    pub fn is_minted(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::JwtBearer)
    }
}

/// How an admin registers a client at the provider.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Where clients are registered.
    pub console: Option<Url>,
    /// What to do there.
    #[serde(default)]
    pub steps: Vec<String>,
}
