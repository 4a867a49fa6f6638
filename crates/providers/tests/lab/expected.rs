//! From descriptions to the requests that must come.

use std::collections::BTreeMap;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use keyway_testkit::witness::{Description, Endpoint, Exchange, Expected};
use serde_json::{Value, json};
use url::Url;

pub(crate) const CLIENT_ID: &str = "client-id";
pub(crate) const CLIENT_SECRET: &str = "client-secret";
pub(crate) const CODE: &str = "the-code";
pub(crate) const NONCE: &str = "the-nonce";
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn redirect_uri(slug: &str) -> String {
    format!("https://keyway.example/link/oauth2/callback/{slug}")
}

/// What stands for what, at this time of a grant's life.
pub(crate) struct Words {
    pub(crate) slug: String,
    pub(crate) generation: u8,
}

impl Words {
    fn fill(&self, text: &str) -> String {
        text.replace("$client_id", CLIENT_ID)
            .replace("$client_secret", CLIENT_SECRET)
            .replace("$redirect_uri", &redirect_uri(&self.slug))
            .replace("$code", CODE)
            .replace("$access_token", &format!("access-{}", self.generation))
            .replace("$refresh_token", &format!("refresh-{}", self.generation))
    }

    fn all(&self, pairs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let filled = pairs
            .iter()
            .map(|(name, text)| (name.clone(), self.fill(text)));
        filled.collect()
    }
}

/// The parameters of the authorization request, but for those that are different each time.
pub(crate) fn request(
    of: &Description,
    slug: &str,
    scopes: &[String],
    different: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let words = Words {
        slug: slug.to_owned(),
        generation: 1,
    };
    let mut standard = vec![
        ("response_type", "code".to_owned()),
        ("client_id", CLIENT_ID.to_owned()),
        ("redirect_uri", redirect_uri(slug)),
    ];
    standard.extend(
        different
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    if let Some(separator) = &of.separator
        && !scopes.is_empty()
    {
        standard.push(("scope", scopes.join(separator)));
    }
    let mut all = words.all(&of.request);
    place(&mut all, standard, &of.names, &of.without);
    all
}

fn place(
    all: &mut BTreeMap<String, String>,
    standard: Vec<(&str, String)>,
    names: &BTreeMap<String, String>,
    without: &[String],
) {
    for (name, value) in standard {
        if !without.iter().any(|left_out| left_out == name) {
            let name = names.get(name).map_or(name, String::as_str);
            all.insert(name.to_owned(), value);
        }
    }
}

/// A request to an endpoint that yields tokens.
pub(crate) fn endpoint(
    of: &Endpoint,
    words: &Words,
    mut standard: Vec<(&str, String)>,
    answer: String,
) -> Expected {
    let mut expected = Expected {
        method: "POST".into(),
        url: words.fill(&of.url),
        headers: words.all(&of.headers),
        answer,
        ..Expected::default()
    };
    let basic = |id: &str, secret: &str| {
        format!(
            "Basic {}",
            Base64::encode_string(format!("{id}:{secret}").as_bytes())
        )
    };
    let id = ("client_id", CLIENT_ID.to_owned());
    let secret = ("client_secret", CLIENT_SECRET.to_owned());
    match of.client.as_str() {
        "" | "post" => standard.extend([id, secret]),
        "basic" => expected.authorization = Some(basic(CLIENT_ID, CLIENT_SECRET)),
        "both" => {
            expected.authorization = Some(basic(CLIENT_ID, CLIENT_SECRET));
            standard.extend([id, secret]);
        }
        "user" => expected.authorization = Some(basic(CLIENT_SECRET, "")),
        "none" => standard.push(id),
        "nothing" => {}
        header => {
            expected
                .headers
                .insert(header.to_owned(), CLIENT_SECRET.to_owned());
            standard.push(id);
        }
    }
    let mut all = words.all(&of.extra);
    place(&mut all, standard, &of.names, &of.without);
    match of.encoding.as_str() {
        "query" => {
            expected.method = "GET".into();
            expected.query = all;
        }
        "json" => {
            expected.content_type = "application/json".into();
            expected.body = all;
        }
        _ => {
            expected.content_type = "application/x-www-form-urlencoded".into();
            expected.body = all;
        }
    }
    expected
}

/// Any other request.
pub(crate) fn exchange(of: &Exchange, words: &Words) -> Expected {
    let url = Url::parse(&words.fill(&of.url)).expect("a URL");
    let mut bare = url.clone();
    bare.set_query(None);
    let method = if of.method.is_empty() {
        "GET"
    } else {
        &of.method
    };
    let authorization = match of.authorization.as_deref() {
        None => Some(words.fill("Bearer $access_token")),
        Some("") => None,
        Some("OAuth") => Some("OAuth ".to_owned()),
        Some("client") => {
            let pair = Base64::encode_string(format!("{CLIENT_ID}:{CLIENT_SECRET}").as_bytes());
            Some(format!("Basic {pair}"))
        }
        Some(text) => Some(match text.strip_prefix("user ") {
            Some(pair) => format!("Basic {}", Base64::encode_string(pair.as_bytes())),
            None => words.fill(text),
        }),
    };
    let (content_type, body) = match (of.form.is_empty(), of.json.is_empty()) {
        (false, _) => ("application/x-www-form-urlencoded", words.all(&of.form)),
        (true, false) => ("application/json", words.all(&of.json)),
        (true, true) => ("", BTreeMap::new()),
    };
    Expected {
        method: method.to_owned(),
        url: bare.to_string(),
        query: url.query_pairs().into_owned().collect(),
        authorization,
        headers: words.all(&of.headers),
        content_type: content_type.to_owned(),
        body,
        answer: if of.answer.is_empty() {
            "{}".into()
        } else {
            words.fill(&of.answer)
        },
    }
}

/// The answer of an endpoint that yields tokens.
pub(crate) fn tokens(
    of: &Description,
    endpoint: &Endpoint,
    words: &Words,
    with_nonce: bool,
) -> String {
    let mut answer: Value = if endpoint.answer.is_empty() {
        let mut usual = json!({
            "access_token": "$access_token", "token_type": "Bearer", "expires_in": 3600,
        });
        if of.refresh.is_some() {
            usual["refresh_token"] = json!("$refresh_token");
        }
        usual
    } else {
        serde_json::from_str(&endpoint.answer).expect("JSON")
    };
    if with_nonce || of.id_token.is_some() {
        let mut claims: Value = match &of.id_token {
            Some(text) => serde_json::from_str(text).expect("JSON"),
            None => json!({}),
        };
        claims["aud"] = json!(CLIENT_ID);
        claims["exp"] = json!(NOW + 600);
        claims["iat"] = json!(NOW);
        if let Some(issuer) = &of.issuer {
            claims["iss"] = json!(issuer);
        }
        if with_nonce {
            claims["nonce"] = json!(NONCE);
        }
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let token = format!(
            "{}.{}.signature",
            part(&json!({"alg": "RS256"})),
            part(&claims)
        );
        answer["id_token"] = json!(token);
    }
    words.fill(&answer.to_string())
}
