//! The declarative format: what a provider's documentation says, as data.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use keyway_domain::credential::CredentialKind;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{
    api::Api,
    host::HostPattern,
    source::{Root, Source},
    template::Template,
    variables::Variable,
};

/// One provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Name for people.
    pub name: String,
    /// What it is about: `crm`, `payments`, `developer-tools`, ….
    pub category: String,
    /// The vendor's page that this file was written from.
    pub documentation: Url,
    /// When that page was read.
    pub checked: NaiveDate,
    /// How sure the file is.
    pub certainty: Certainty,
    /// What an admin does at the provider to get a client, in order.
    #[serde(default)]
    pub setup: Setup,
    /// Host patterns that a URL may have where a variable or a provider's answer stands in its host.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// Values that differ from one end user to the next, such as a shop.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// The authorization endpoint.
    pub authorize: Authorize,
    /// What comes back.
    #[serde(default)]
    pub callback: Callback,
    /// The token endpoint.
    pub token: Token,
    /// How a refresh differs from an exchange; absent if access tokens last or cannot be renewed.
    pub refresh: Option<Refresh>,
    /// How a grant is ended at the provider (RFC 7009 or the vendor's own way).
    pub revoke: Option<Call>,
    /// Calls that tell whose the tokens are, in order; a later one may use an earlier one's answer.
    #[serde(default)]
    pub identity: Vec<Identity>,
    /// Where the provider's API is, for the proxy; absent: there is no proxy to it.
    pub api: Option<Api>,
    /// What becomes of it all.
    pub credential: Credential,
}

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

/// The authorization endpoint (RFC 6749 section 3.1).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// Its URL; may hold `{variables}`.
    pub url: Template,
    /// Proof Key for Code Exchange (RFC 7636), S256.
    pub pkce: Pkce,
    /// Between scopes on the wire.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// Parameter that carries the scopes; empty if the provider takes none on the wire.
    #[serde(default = "scope")]
    pub scope_parameter: String,
    /// Asked for when neither the request nor the app says otherwise.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// Always asked for: without them Keyway cannot name the account or refresh.
    #[serde(default)]
    pub mandatory_scopes: Vec<String>,
    /// Value of `response_type`; empty leaves it out.
    #[serde(default = "code")]
    pub response_type: String,
    /// Value of `response_mode`, for providers that answer by form.
    pub response_mode: Option<String>,
    /// Parameter that carries the client id.
    #[serde(default = "client_id")]
    pub client_id_parameter: String,
    /// The provider's own parameters. A value may hold `{variables}`; one that is empty is left out.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
}

/// Whether the provider takes a PKCE challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// Refuses without one.
    Required,
    /// Takes one: it is always sent.
    Supported,
    /// Ignores or refuses one: none is sent.
    None,
}

/// The callback.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Issuer that a `iss` parameter must equal (RFC 9207). May hold `{variables}`.
    pub issuer: Option<Template>,
    /// Whether `iss` must be there: for providers that document that they send it.
    #[serde(default)]
    pub issuer_required: bool,
    /// Parameters besides `code` and `state` to take from the callback, by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, CallbackParameter>,
}

/// A parameter that the provider adds to the callback, such as QuickBooks' `realmId`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackParameter {
    /// Regular expression that the whole value must match.
    pub pattern: String,
    /// Whether the flow fails without it.
    #[serde(default = "yes")]
    pub required: bool,
}

/// The token endpoint (RFC 6749 section 3.2).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its URL; may hold `{variables}`.
    pub url: Template,
    /// How the client proves itself (RFC 6749 section 2.3).
    pub client_authentication: ClientAuthentication,
    /// Form of the request's body.
    #[serde(default)]
    pub body: Body,
    /// Additional headers. `Accept: application/json` is always sent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Additional parameters. A value may hold `{variables}`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
    /// Standard parameters of the exchange to leave out, for providers that refuse them.
    #[serde(default)]
    pub omit: Vec<String>,
    /// How to read the answer.
    #[serde(default)]
    pub response: TokenResponse,
}

/// How the client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_secret_basic`: the Authorization header.
    Basic,
    /// `client_secret_post`: in the body.
    Post,
    /// Header and body, for providers that want the id in both.
    BasicAndPost,
    /// `none`: a public client, PKCE alone.
    None,
    /// The secret alone as the user of a Basic header (Stripe's API keys).
    SecretAsUser,
}

/// Form of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `application/x-www-form-urlencoded`, as the standard says.
    #[default]
    Form,
    /// `application/json`.
    Json,
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
    /// Life of an access token in seconds where the answer does not tell.
    pub default_lifetime: Option<u32>,
    /// The `id_token`.
    pub id_token: Vec<String>,
    /// Code of an error, at any status.
    pub error: Vec<String>,
    /// The provider's words for it.
    pub error_description: Vec<String>,
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
        }
    }
}

/// A condition on a provider's answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// Where to look.
    pub path: String,
    /// What must be there.
    pub equals: Value,
}

/// How a refresh differs from an exchange (RFC 6749 section 6). Everything else is as in
/// [`Token`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// What becomes of the refresh token that was used.
    pub rotation: Rotation,
    /// The endpoint, if it is another.
    pub url: Option<Template>,
    /// Additional parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, Template>,
    /// Whether the redirect URI goes along (GitLab).
    #[serde(default)]
    pub redirect_uri: bool,
    /// Life of an unused refresh token in seconds, where the answer does not tell.
    pub lifetime: Option<u32>,
}

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// It dies; the answer brings its successor.
    SingleUse,
    /// The answer may bring a newer one; keep it.
    Renewed,
    /// It stays.
    Static,
}

/// A call that tells whose the tokens are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Its name in sources: `identity.<name>.<path>`.
    pub name: String,
    /// The call.
    pub request: Call,
}

/// A request with the tokens in hand. Every text may hold `{access_token}`, `{refresh_token}`,
/// `{refresh_or_access_token}`, `{client_id}`, `{client_secret}`, `{token.<path>}`,
/// `{callback.<name>}`, `{identity.<name>.<path>}` and the definition's variables.
///
/// A revocation comes long after the flow: there, `{token.<name>}` is the public property of that
/// name, and the callback and the identity calls are forgotten.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The URL.
    pub url: Template,
    /// How the call is authorized.
    #[serde(default)]
    pub authorization: CallAuthorization,
    /// Additional headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Form body.
    #[serde(default)]
    pub form: BTreeMap<String, Template>,
    /// JSON body of texts.
    #[serde(default)]
    pub json: BTreeMap<String, Template>,
    /// A condition for success besides the status, such as Slack's `ok`.
    pub success: Option<Success>,
    /// Paths of an error's code, tried before the usual ones. Where one is there, the call failed,
    /// whatever its status.
    #[serde(default)]
    pub error: Vec<String>,
    /// Paths of the words for it, tried before the usual ones.
    #[serde(default)]
    pub error_description: Vec<String>,
}

/// Method of a [`Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

/// How a [`Call`] is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAuthorization {
    /// `Authorization: Bearer` with the access token (RFC 6750).
    #[default]
    Bearer,
    /// `Authorization: Basic` with the client's id and secret.
    ClientBasic,
    /// None besides what the headers and the body say.
    None,
}

/// What becomes of the answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Shape of the properties, such as `linear_oauth2`.
    pub kind: CredentialKind,
    /// The external account's id: the first source that is there.
    pub external_id: Vec<Source>,
    /// A name for people: the first source that is there.
    #[serde(default)]
    pub external_label: Vec<Source>,
    /// The properties by name.
    pub properties: BTreeMap<String, Property>,
}

/// One property of a credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// Where it comes from: the first source that is there.
    pub from: Vec<Source>,
    /// Whether it is sealed and masked.
    #[serde(default)]
    pub secret: bool,
    /// Whether the credential is good without it.
    #[serde(default)]
    pub optional: bool,
    /// The type to bring it to; as it is if absent.
    #[serde(rename = "as")]
    pub cast: Option<Cast>,
    /// True if the whole value matches this regular expression; the property is a boolean then.
    pub matches: Option<String>,
    /// Turns a boolean round.
    #[serde(default)]
    pub negate: bool,
}

impl Credential {
    /// The property that gives back what this source yielded, with its name. Tokens and their like
    /// may have other sources besides; what names an account or a variable must be the property's
    /// only source.
    pub(crate) fn property_of(&self, root: Root, path: &str) -> Option<(&str, &Property)> {
        let is_it = |source: &Source| source.root == root && source.path == path;
        let gives_back = |property: &Property| {
            let alone = property.from.len() == 1 || root == Root::Granted;
            property.matches.is_none() && alone && property.from.iter().any(is_it)
        };
        let mut properties = self.properties.iter();
        let found = properties.find(|(_, property)| gives_back(property))?;
        Some((found.0, found.1))
    }
}

/// Type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// A text; numbers are written out.
    String,
    /// A whole number; texts of digits are read.
    Integer,
    /// A boolean; the texts `true` and `false` are read.
    Boolean,
    /// A list of texts; a text is split at spaces and commas.
    List,
}

fn space() -> String {
    " ".into()
}

fn scope() -> String {
    "scope".into()
}

fn code() -> String {
    "code".into()
}

fn client_id() -> String {
    "client_id".into()
}

fn yes() -> bool {
    true
}
