//! A caller's own calls of a provider's API, with the credential's authorization added: streamed
//! both ways, redirects handed on and not followed.

mod headers;
mod path;
mod sending;

use std::{collections::BTreeMap, io, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use keyway_domain::{credential::GrantSecrets, secret::SecretString};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use self::sending::Request;
pub use self::{
    headers::Header,
    path::{InvalidPath, below},
};
use crate::{
    Provider,
    api::{Api, ApiAuthorization, is_proof},
    dpop::{self, ProofKey},
    error::ProviderError,
    facts::Facts,
    http::HttpClient,
    kept, oauth1, request,
};

/// A call that a caller makes.
pub struct ProxyRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// What follows the base URL, without a slash before it, as it came over the wire.
    pub path: &'a str,
    /// The query, as it came over the wire.
    pub query: Option<&'a str>,
    /// The headers, all of them; those that are not for the provider are dropped here.
    pub headers: &'a [Header],
    /// The body.
    pub body: ProxyBody,
}

/// The body of a call.
pub enum ProxyBody {
    /// All of it; nothing if it is empty.
    Whole(Bytes),
    /// As it comes, and no faster than the provider takes it.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// The credential that a call is made with.
pub struct ProxyAccess<'a> {
    /// The tokens, the access token among them.
    pub secrets: &'a GrantSecrets,
    /// The provider's variables.
    pub variables: &'a BTreeMap<String, String>,
    /// The credential's public properties.
    pub public: &'a Map<String, Value>,
}

/// The provider's answer. Its status is whatever the provider said.
pub struct ProxyAnswer {
    /// HTTP status.
    pub status: u16,
    /// The headers that are for the caller.
    pub headers: Vec<Header>,
    /// Length of the body, if the provider told.
    pub length: Option<u64>,
    /// The body, as it comes. An error in it means that the rest never came.
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

impl std::fmt::Debug for ProxyAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProxyAnswer({})", self.status)
    }
}

/// Why a call was not made, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The definition says nothing of an API.
    #[error("the definition has no [api]")]
    NoApi,
    /// The method is none.
    #[error("the method is none")]
    Method,
    /// The path is not good.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// The provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl Provider {
    /// Makes a call of the provider's API, to its base URL and below it alone.
    ///
    /// The provider has three times a call's time to begin its answer, counted anew with whatever it
    /// takes of the body, and as long between two parts of the answer.
    ///
    /// # Errors
    /// [`ProxyError`]; nothing reached the provider unless it is [`ProxyError::Provider`].
    pub async fn proxy(
        &self,
        http: &HttpClient,
        access: &ProxyAccess<'_>,
        call: ProxyRequest<'_>,
    ) -> Result<ProxyAnswer, ProxyError> {
        let api = self.definition.api.as_ref().ok_or(ProxyError::NoApi)?;
        let method = call.method.parse().map_err(|_| ProxyError::Method)?;
        let no_secret = SecretString::from("");
        let entered = kept::entered(&self.definition, access.secrets);
        let key = dpop::of_grant(&self.definition, access.secrets)?;
        let facts = self.facts_of(access, &entered, &no_secret, key.as_ref());
        let base = base_url(self, api, &facts)?;
        let url = with_query(below(&base, call.path, call.query)?, api, &facts)?;
        let mut headers = headers_of(api, &facts, call.headers)?;
        if api.authorization == ApiAuthorization::OAuth1 {
            let form = form(&headers, &call.body);
            oauth1::sign(&mut headers, &method, &url, form, &facts, &http.once())?;
        }
        let request = Request {
            method,
            url,
            headers,
        };
        let presents = api.authorization == ApiAuthorization::Bearer;
        let answered = match (
            key.as_ref().filter(|_| presents),
            &access.secrets.access_token,
        ) {
            (Some(key), Some(token)) => request.send_proven(http, key, token, call.body).await?,
            _ => request.send(http, call.body).await?,
        };
        Ok(answer(answered, http.patience()))
    }

    fn facts_of<'a>(
        &'a self,
        access: &'a ProxyAccess<'_>,
        entered: &'a BTreeMap<String, SecretString>,
        no_secret: &'a SecretString,
        proof_key: Option<&'a ProofKey>,
    ) -> Facts<'a> {
        const NO_CALLBACK: &BTreeMap<String, String> = &BTreeMap::new();
        Facts {
            definition: &self.definition,
            client_id: "",
            client_secret: no_secret,
            variables: access.variables,
            callback: NO_CALLBACK,
            entered,
            tokens: Some(kept::tokens(access.public, access.secrets)),
            id_token: Value::Null,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key,
        }
    }
}

/// The base URL, which must be an origin that the definition allows, and a path.
fn base_url(provider: &Provider, api: &Api, facts: &Facts<'_>) -> Result<Url, ProviderError> {
    let base = request::url(&provider.definition, &api.base_url, |name| facts.name(name))?;
    if base.query().is_some() || base.fragment().is_some() {
        return Err(request::unusable("the API's base URL has more than a path"));
    }
    Ok(base)
}

/// Adds the definition's parameters of the query, in place of the caller's of the same name.
fn with_query(mut url: Url, api: &Api, facts: &Facts<'_>) -> Result<Url, ProviderError> {
    if api.query.is_empty() {
        return Ok(url);
    }
    let given: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let kept = given
        .iter()
        .filter(|(name, _)| !api.query.contains_key(name));
    let own = request::filled(&api.query, |name| facts.name(name))?;
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(own);
    Ok(url)
}

/// A body that is a form; empty if it is none, or not known as a whole.
fn form<'a>(headers: &HeaderMap, body: &'a ProxyBody) -> &'a [u8] {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    match body {
        ProxyBody::Whole(whole)
            if kind.is_some_and(|kind| kind.eq_ignore_ascii_case(request::FORM.as_bytes())) =>
        {
            whole
        }
        _ => &[],
    }
}

fn headers_of(api: &Api, facts: &Facts<'_>, given: &[Header]) -> Result<HeaderMap, ProviderError> {
    let mut headers = headers::of_request(given);
    for (name, template) in &api.headers {
        let is_proof = template.names().any(is_proof);
        if !is_proof && headers.contains_key(name.as_str()) {
            continue;
        }
        let value = template.fill(|name| facts.name(name));
        request::insert(&mut headers, name, &value.map_err(request::unusable)?)?;
    }
    if api.authorization == ApiAuthorization::Basic {
        request::user(&mut headers, api.basic.as_ref(), |name| facts.name(name))?;
    }
    if api.authorization == ApiAuthorization::Bearer {
        request::bearer(&mut headers, facts)?;
    }
    Ok(headers)
}

fn answer(response: reqwest::Response, patience: Duration) -> ProxyAnswer {
    let status = response.status().as_u16();
    let headers = headers::of_response(response.headers());
    let length = length(response.headers());
    ProxyAnswer {
        status,
        headers: headers
            .into_iter()
            .filter(|(name, _)| name != CONTENT_LENGTH.as_str())
            .collect(),
        length,
        body: unhurried(response.bytes_stream(), patience).boxed(),
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The parts of a body; an error where none comes for too long, and then the end.
fn unhurried(
    parts: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    patience: Duration,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    futures_util::stream::unfold(Some(Box::pin(parts)), move |parts| async move {
        let mut parts = parts?;
        match tokio::time::timeout(patience, parts.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(part))) => Some((Ok(part), Some(parts))),
            Ok(Some(Err(error))) => {
                let broken = crate::http::unreachable(error).to_string();
                Some((Err(io::Error::other(broken)), None))
            }
            Err(_) => Some((Err(io::ErrorKind::TimedOut.into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use keyway_domain::provider::ProviderSlug;
    use reqwest::header::AUTHORIZATION;
    use serde_json::json;

    use super::*;
    use crate::Catalogue;

    struct Made {
        url: Result<String, ProviderError>,
        headers: HeaderMap,
    }

    /// What a call of a shipped provider's API would be.
    fn made(slug: &str, variables: &[(&str, &str)], public: Value, given: &[Header]) -> Made {
        let catalogue = Catalogue::shipped().expect("catalogue");
        let slug = ProviderSlug::parse(slug).expect("slug");
        let provider = catalogue.find(&slug).expect("shipped");
        let definition = &provider.definition;
        let variables = definition
            .check_variables(variables.iter().copied())
            .expect("variables");
        let Value::Object(public) = public else {
            panic!("no object")
        };
        let secrets = GrantSecrets {
            external_id: String::new(),
            access_token: Some("at-1234".into()),
            refresh_token: None,
            proof_key: None,
            properties: BTreeMap::new(),
        };
        let access = ProxyAccess {
            secrets: &secrets,
            variables: &variables,
            public: &public,
        };
        let no_secret = SecretString::from("");
        let entered = BTreeMap::new();
        let facts = provider.facts_of(&access, &entered, &no_secret, None);
        let api = definition.api.as_ref().expect("an API");
        Made {
            url: base_url(provider, api, &facts).map(String::from),
            headers: headers_of(api, &facts, given).expect("headers"),
        }
    }

    #[test]
    fn each_api_is_where_its_vendor_says() {
        for (slug, variables, expected) in [
            ("airtable", vec![], "https://api.airtable.com/v0"),
            ("github", vec![], "https://api.github.com/"),
            ("google", vec![], "https://www.googleapis.com/"),
            ("hubspot", vec![], "https://api.hubapi.com/"),
            ("linear", vec![], "https://api.linear.app/"),
            ("quickbooks", vec![], "https://quickbooks.api.intuit.com/"),
            (
                "quickbooks",
                vec![("environment", "sandbox")],
                "https://sandbox-quickbooks.api.intuit.com/",
            ),
            (
                "shopify",
                vec![("shop", "acme")],
                "https://acme.myshopify.com/",
            ),
            ("slack", vec![], "https://slack.com/api"),
            ("snyk", vec![("region", "eu-01")], "https://api.eu.snyk.io/"),
            ("stripe", vec![], "https://api.stripe.com/"),
        ] {
            let url = made(slug, &variables, json!({}), &[]).url;
            assert_eq!(url.as_deref(), Ok(expected), "{slug}");
        }
    }

    #[test]
    fn a_salesforce_credential_leads_to_its_own_instance_and_nowhere_else() {
        let url = |instance: &str| {
            let public = json!({"instance_url": instance});
            made("salesforce", &[], public, &[]).url
        };
        assert_eq!(
            url("https://acme.my.salesforce.com").as_deref(),
            Ok("https://acme.my.salesforce.com/")
        );
        for elsewhere in [
            "https://evil.example",
            "https://acme.my.salesforce.com.evil.example",
            "https://acme.my.salesforce.com@evil.example",
            "https://user@acme.my.salesforce.com",
            "http://acme.my.salesforce.com",
            "https://127.0.0.1",
            "https://acme.my.salesforce.com?x=",
            "https://acme.my.salesforce.com#x",
            "acme.my.salesforce.com",
            "",
        ] {
            assert!(url(elsewhere).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn a_form_that_is_known_as_a_whole_is_signed() {
        let body = || ProxyBody::Whole(Bytes::from_static(b"a=1"));
        for (kind, body, expected) in [
            (request::FORM, body(), b"a=1".as_slice()),
            (
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
                body(),
                b"a=1",
            ),
            ("application/json", body(), b""),
            (
                request::FORM,
                ProxyBody::Stream(futures_util::stream::empty().boxed()),
                b"",
            ),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().expect("a type"))]);
            assert_eq!(form(&headers, &body), expected, "{kind}");
        }
        assert_eq!(form(&HeaderMap::new(), &body()), b"");
    }

    #[test]
    fn the_token_goes_where_the_vendor_wants_it() {
        let given = [
            ("authorization".to_owned(), b"Bearer mine".to_vec()),
            ("x-shopify-access-token".to_owned(), b"mine".to_vec()),
            ("x-github-api-version".to_owned(), b"2099-01-01".to_vec()),
        ];
        let shopify = made("shopify", &[("shop", "acme")], json!({}), &given).headers;
        assert_eq!(shopify["x-shopify-access-token"], "at-1234");
        assert!(!shopify.contains_key(AUTHORIZATION));
        let github = made("github", &[], json!({}), &given).headers;
        assert_eq!(github[AUTHORIZATION], "Bearer at-1234");
        assert_eq!(github["x-github-api-version"], "2099-01-01");
        assert_eq!(github["accept"], "application/vnd.github+json");
        assert!(github[AUTHORIZATION].is_sensitive());
    }
}
