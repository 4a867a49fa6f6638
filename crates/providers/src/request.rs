//! From templates to requests.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding as _};
use keyway_domain::secret::SecretString;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{
    Definition,
    client::Client,
    definition::{BasicPair, Call, CallAuthorization, Method},
    dpop,
    error::ProviderError,
    exchange,
    facts::Facts,
    host,
    http::{Answer, HttpClient, Outgoing},
    oauth1::{self, Once},
    template::Template,
};

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Fills in a URL's template and proves where it leads.
///
/// Values are percent-encoded, except where the template begins with one: that is a URL which the
/// provider gave, and its host must be on the definition's list, as must any host with a variable
/// in it. `http` is good for loopback only, and only where the definition says so itself.
///
/// # Errors
/// [`ProviderError::Unusable`] says what is missing or not allowed.
pub fn url(
    definition: &Definition,
    template: &Template,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Url, ProviderError> {
    let given_whole = template.literal_prefix().is_empty();
    let first = template.names().next().map(str::to_owned);
    let named = |name: &str| {
        let raw = value(name)?;
        let whole = given_whole && first.as_deref() == Some(name);
        Some(if whole { raw } else { encode(&raw) })
    };
    let text = template.fill(named).map_err(unusable)?;
    let url = Url::parse(&text).map_err(|_| unusable(format!("{template} does not make a URL")))?;
    let origin = template.literal_origin();
    let reached = url.host_str().unwrap_or_default();
    let expected = match &origin {
        Some(origin) => origin.host_str() == Some(reached),
        None => definition
            .hosts
            .iter()
            .any(|pattern| pattern.matches(reached, &value)),
    };
    let scheme_good = url.scheme() == "https"
        || (url.scheme() == "http" && origin.is_some() && host::is_loopback(&url));
    if !expected || !scheme_good || !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(format!(
            "{template} leads to a host that the definition does not allow"
        )));
    }
    Ok(url)
}

/// Makes a [`Call`], with a proof where its token is bound to a key.
pub(crate) async fn send(
    http: &HttpClient,
    call: &Call,
    facts: &Facts<'_>,
) -> Result<Answer, ProviderError> {
    let presents = call.authorization == CallAuthorization::Bearer;
    let key = facts.proof_key.filter(|_| presents);
    let token = key.and_then(|_| facts.name("access_token"));
    let make = |once: &Once| self::call(call, facts, once);
    dpop::send(http, key, token.as_deref(), make).await
}

/// `Authorization` with the access token (RFC 6750 section 2.1, RFC 9449 section 7.1).
pub(crate) fn bearer(headers: &mut HeaderMap, facts: &Facts<'_>) -> Result<(), ProviderError> {
    let token = facts.name("access_token");
    let token = token.ok_or_else(|| unusable("no access token"))?;
    let scheme = if facts.proof_key.is_some() {
        "DPoP"
    } else {
        "Bearer"
    };
    insert_secret(headers, AUTHORIZATION, &format!("{scheme} {token}"))
}

/// The request of a [`Call`].
pub(crate) fn call(call: &Call, facts: &Facts<'_>, once: &Once) -> Result<Outgoing, ProviderError> {
    let name = |name: &str| facts.name(name);
    let mut target = url(facts.definition, &call.url, name)?;
    let mut form = filled(&call.form, name)?;
    let mut certificate = None;
    for (key, template) in &call.query {
        let value = template.fill(name).map_err(unusable)?;
        target.query_pairs_mut().append_pair(key, &value);
    }
    let mut headers = json_headers();
    for (key, template) in &call.headers {
        insert(&mut headers, key, &template.fill(name).map_err(unusable)?)?;
    }
    let method = match call.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    };
    match call.authorization {
        CallAuthorization::None => {}
        CallAuthorization::Basic => user(&mut headers, call.basic.as_ref(), name)?,
        CallAuthorization::OAuth1 => {
            oauth1::sign(&mut headers, &method, &target, &[], facts, once)?;
        }
        CallAuthorization::Bearer => bearer(&mut headers, facts)?,
        CallAuthorization::Client => {
            let token = exchange::endpoint(facts.definition)?;
            let endpoint = url(facts.definition, &token.url, name)?;
            let client = Client {
                id: facts.client_id,
                secret: facts.client_secret,
            };
            let set = |name: &str, value: String| {
                if let Some(name) = token.parameter(name) {
                    form.insert(name.to_owned(), value);
                }
            };
            client.prove(token, endpoint.as_str(), &mut headers, set, name, once)?;
            certificate = client.certificate(token);
        }
        CallAuthorization::ClientBasic => {
            basic(&mut headers, facts.client_id, facts.client_secret)?;
        }
    }
    let body = if !call.json.is_empty() {
        Some(json_body(&mut headers, &filled(&call.json, name)?)?)
    } else if !form.is_empty() {
        Some(form_body(&mut headers, &form))
    } else {
        None
    };
    Ok(Outgoing {
        method,
        url: target,
        headers,
        body,
        certificate,
    })
}

pub(crate) fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers
}

/// `Authorization: Basic` with id and secret form-encoded first (RFC 6749 section 2.3.1).
pub(crate) fn basic(
    headers: &mut HeaderMap,
    id: &str,
    secret: &SecretString,
) -> Result<(), ProviderError> {
    let value = format!("Basic {}", basic_pair(id, secret).expose());
    insert_secret(headers, AUTHORIZATION, &value)
}

/// `Authorization: Basic` with a name and a password as they are (RFC 7617).
pub(crate) fn user(
    headers: &mut HeaderMap,
    pair: Option<&BasicPair>,
    value: impl Fn(&str) -> Option<String>,
) -> Result<(), ProviderError> {
    let pair = pair.ok_or_else(|| unusable("the definition has no name and password"))?;
    let username = pair.username.fill(&value).map_err(unusable)?;
    let password = pair.password.fill(&value).map_err(unusable)?;
    let pair = Base64::encode_string(format!("{username}:{password}").as_bytes());
    insert_secret(headers, AUTHORIZATION, &format!("Basic {pair}"))
}

/// What stands in a Basic header.
pub(crate) fn basic_pair(id: &str, secret: &SecretString) -> SecretString {
    let encode =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encode(id), encode(secret.expose()));
    SecretString::new(Base64::encode_string(pair.as_bytes()))
}

pub(crate) fn insert(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), ProviderError> {
    let name = name
        .parse::<HeaderName>()
        .map_err(|_| unusable(format!("header {name:?}")))?;
    insert_secret(headers, name, value)
}

fn insert_secret(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: &str,
) -> Result<(), ProviderError> {
    // A value with CR or LF ends here.
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| unusable(format!("a value that header {name} cannot carry")))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

pub(crate) fn form_body(headers: &mut HeaderMap, parameters: &BTreeMap<String, String>) -> Vec<u8> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parameters);
    form.finish().into_bytes()
}

pub(crate) fn json_body(
    headers: &mut HeaderMap,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ProviderError> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    serde_json::to_vec(parameters).map_err(unusable)
}

pub(crate) fn filled(
    templates: &BTreeMap<String, Template>,
    value: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    templates
        .iter()
        .map(|(key, template)| Ok((key.clone(), template.fill(&value).map_err(unusable)?)))
        .collect()
}

pub(crate) fn unusable(why: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unusable(why.to_string())
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
