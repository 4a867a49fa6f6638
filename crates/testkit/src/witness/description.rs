//! What a vendor's documentation says that its servers do, as data: the witness that a definition is
//! heard against. It knows nothing of the definition.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Every description in `vendors/*.toml`, by slug.
pub fn all() -> BTreeMap<String, Description> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/vendors");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("vendors") {
        let path = entry.expect("entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let read: Result<BTreeMap<String, Description>, _> = toml::from_str(&text);
        for (slug, description) in
            read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        {
            assert!(
                all.insert(slug.clone(), description).is_none(),
                "{slug} is described twice"
            );
        }
    }
    all
}

/// One vendor, for one end user with these values. In texts, `$client_id`, `$client_secret`,
/// `$redirect_uri`, `$code`, `$access_token` and `$refresh_token` stand for what they say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// What the end user fills in.
    pub variables: BTreeMap<String, String>,
    /// What the admin sets.
    pub admin: BTreeMap<String, String>,
    /// The keys that the end user enters.
    pub secrets: BTreeMap<String, String>,
    /// The authorization endpoint, with those values in it.
    pub authorize: Option<String>,
    /// Scopes that are asked for if nobody says which.
    pub asks: Vec<String>,
    /// Scopes that are always asked for.
    pub always: Vec<String>,
    /// Between scopes; none if there are no scopes on the wire.
    pub separator: Option<String>,
    /// Whether a PKCE challenge comes.
    pub pkce: bool,
    /// Parameters of the request besides the standard's, all of them.
    pub request: BTreeMap<String, String>,
    /// The vendor's names for parameters of the standard's.
    pub names: BTreeMap<String, String>,
    /// Parameters of the standard's that must not come.
    pub without: Vec<String>,
    /// What the callback brings besides `code` and `state`.
    pub callback: BTreeMap<String, String>,
    /// The issuer: `iss` of the callback and of the `id_token`.
    pub issuer: Option<String>,
    /// Further claims of the `id_token` in the token answer, as JSON; none: there is no `id_token`.
    pub id_token: Option<String>,
    /// The token endpoint.
    pub token: Option<Endpoint>,
    /// Where the short-lived token is exchanged again.
    pub long_lived: Option<Endpoint>,
    /// How tokens are renewed; none: they are not.
    pub refresh: Option<Endpoint>,
    /// Whether a refresh token is good for one use.
    pub single_use: bool,
    /// Days that an unused refresh token lives, where the answer does not tell.
    pub refresh_days: Option<u32>,
    /// The calls that name the account, in order.
    pub calls: Vec<Exchange>,
    /// The account that is chosen of several.
    pub choose: Option<String>,
    /// How a grant is ended.
    pub revoke: Option<Exchange>,
    /// A call of the API.
    pub api: Option<Exchange>,
    /// The account's id, as a person reads it in the answers; none: nothing names it.
    pub account: Option<String>,
    /// Its name.
    pub label: Option<String>,
    /// Properties that the answers give, as JSON.
    pub properties: Option<String>,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            variables: BTreeMap::new(),
            admin: BTreeMap::new(),
            secrets: BTreeMap::new(),
            authorize: None,
            asks: Vec::new(),
            always: Vec::new(),
            separator: Some(" ".into()),
            pkce: false,
            request: BTreeMap::new(),
            names: BTreeMap::new(),
            without: Vec::new(),
            callback: BTreeMap::new(),
            issuer: None,
            id_token: None,
            token: None,
            long_lived: None,
            refresh: None,
            single_use: false,
            refresh_days: None,
            calls: Vec::new(),
            choose: None,
            revoke: None,
            api: None,
            account: None,
            label: None,
            properties: None,
        }
    }
}

/// An endpoint that yields tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// Its URL.
    pub url: String,
    /// Where the client's proof is: `post`, `basic`, `both`, `none`, `user` (the secret alone in a
    /// Basic header), `nothing` (no client at all), or the name of a header.
    pub client: String,
    /// `form`, `json` or `query`.
    pub encoding: String,
    /// Headers that must come.
    pub headers: BTreeMap<String, String>,
    /// Parameters besides the standard's, all of them.
    pub extra: BTreeMap<String, String>,
    /// The vendor's names for parameters of the standard's.
    pub names: BTreeMap<String, String>,
    /// Parameters of the standard's that must not come.
    pub without: Vec<String>,
    /// The answer, as JSON.
    pub answer: String,
    /// Seconds that the access token lives by that answer, or by the documentation.
    pub lives: Option<i64>,
}

/// A request and its answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// The method; GET if empty.
    pub method: String,
    /// The URL, with its query.
    pub url: String,
    /// `Authorization`, whole; `Bearer $access_token` if absent, none if empty; `OAuth` alone: a
    /// signature, whatever it is; `client`: the client's pair in a Basic header; `user NAME:WORD`.
    pub authorization: Option<String>,
    /// Headers that must come.
    pub headers: BTreeMap<String, String>,
    /// The parameters of a form.
    pub form: BTreeMap<String, String>,
    /// The members of a JSON body.
    pub json: BTreeMap<String, String>,
    /// The answer, as JSON.
    pub answer: String,
}
