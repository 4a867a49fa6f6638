//! A provider's code for its tokens (RFC 6749 section 4.1.3).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{secret::SecretString, token_set::TokenSet};
use serde_json::Value;

use crate::{
    Definition, answer,
    client::Client,
    definition::{Body, Token},
    dpop::{self, ProofKey},
    error::{ProviderError, Redaction},
    http::{HttpClient, Outgoing},
    oauth1::Once,
    request::{self, unusable},
};

/// What goes into an exchange.
#[derive(Debug)]
pub struct ExchangeRequest<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// The provider's client secret.
    pub client_secret: &'a SecretString,
    /// The provider's code.
    pub code: &'a SecretString,
    /// Our callback, as in the authorization request.
    pub redirect_uri: &'a str,
    /// Our PKCE verifier, if a challenge was sent.
    pub code_verifier: Option<&'a SecretString>,
    /// The provider's variables, checked.
    pub variables: &'a BTreeMap<String, String>,
    /// What was taken from the callback.
    pub callback: &'a BTreeMap<String, String>,
    /// The key that the tokens are to be bound to.
    pub proof_key: Option<&'a ProofKey>,
    /// Now.
    pub now: DateTime<Utc>,
}

impl ExchangeRequest<'_> {
    fn client(&self) -> Client<'_> {
        Client {
            id: self.client_id,
            secret: self.client_secret,
        }
    }
}

/// Redeems the code, once: the answer as it came, and the tokens in it.
///
/// # Errors
/// [`ProviderError`] with the provider's own words.
pub async fn standard(
    definition: &Definition,
    http: &HttpClient,
    exchange: &ExchangeRequest<'_>,
) -> Result<(Value, TokenSet), ProviderError> {
    let mut redaction = Redaction::default();
    redaction.add(exchange.client_secret);
    redaction.add(&request::basic_pair(
        exchange.client_id,
        exchange.client_secret,
    ));
    redaction.add(exchange.code);
    if let Some(verifier) = exchange.code_verifier {
        redaction.add(verifier);
    }
    let answer = dpop::send(http, exchange.proof_key, None, |once| {
        outgoing(definition, exchange, once)
    })
    .await?;
    let response = &endpoint(definition)?.response;
    let mut tokens = answer::tokens(&answer, response, exchange.now, &redaction)?;
    if let Some(again) = &definition.long_lived {
        tokens = longer(definition, http, exchange, (again, tokens.1), redaction).await?;
    }
    dpop::check_bound(exchange.proof_key, &tokens.1)?;
    Ok(tokens)
}

/// Exchanges the short-lived token of a code for one that lives longer.
async fn longer(
    definition: &Definition,
    http: &HttpClient,
    exchange: &ExchangeRequest<'_>,
    (again, short): (&Token, TokenSet),
    mut redaction: Redaction,
) -> Result<(Value, TokenSet), ProviderError> {
    redaction.add(&short.access_token);
    let value = |name: &str| match name {
        "access_token" => Some(short.access_token.expose().clone()),
        _ => definition.variable_value(exchange.variables, name),
    };
    let answer = dpop::send(http, exchange.proof_key, None, |once| {
        request(definition, again, exchange.client(), vec![], value, once)
    })
    .await?;
    let (answer, mut tokens) = answer::tokens(&answer, &again.response, exchange.now, &redaction)?;
    tokens.scope = tokens.scope.or(short.scope);
    tokens.id_token = tokens.id_token.or(short.id_token);
    Ok((answer, tokens))
}

fn outgoing(
    definition: &Definition,
    exchange: &ExchangeRequest<'_>,
    once: &Once,
) -> Result<Outgoing, ProviderError> {
    let token = endpoint(definition)?;
    let value = |name: &str| match name.split_once('.') {
        Some(("callback", name)) => exchange.callback.get(name).cloned(),
        _ => definition.variable_value(exchange.variables, name),
    };
    let mut standard = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", exchange.code.expose().clone()),
        ("redirect_uri", exchange.redirect_uri.to_owned()),
    ];
    if let Some(verifier) = exchange.code_verifier {
        standard.push(("code_verifier", verifier.expose().clone()));
    }
    standard.extend(resource(definition, value)?);
    request(definition, token, exchange.client(), standard, value, once)
}

/// The resource that the tokens are for, where the provider wants it named (RFC 8707 section 2.2).
pub(crate) fn resource(
    definition: &Definition,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Option<(&'static str, String)>, ProviderError> {
    let authorize = definition.authorize.as_ref();
    let resource = authorize.and_then(|authorize| authorize.resource.as_ref());
    let resource = resource.map(|resource| resource.fill(value).map_err(unusable));
    Ok(resource.transpose()?.map(|resource| ("resource", resource)))
}

/// The token endpoint.
pub(crate) fn endpoint(definition: &Definition) -> Result<&Token, ProviderError> {
    definition
        .token
        .as_ref()
        .ok_or_else(|| unusable("this provider has no token endpoint"))
}

/// A request to a token endpoint: the standard's parameters under the provider's names, the
/// provider's own, and the client's proof in the place that the provider wants.
pub(crate) fn request(
    definition: &Definition,
    token: &Token,
    client: Client<'_>,
    standard: Vec<(&str, String)>,
    value: impl Fn(&str) -> Option<String>,
    once: &Once,
) -> Result<Outgoing, ProviderError> {
    let url = request::url(definition, &token.url, &value)?;
    let known = |name: &str| match name {
        "client_id" => Some(client.id.to_owned()),
        "client_secret" => Some(client.secret.expose().clone()),
        _ => value(name),
    };
    let mut parameters = request::filled(&token.parameters, known)?;
    parameters.retain(|_, value| !value.is_empty());
    let mut set = |name: &str, value: String| {
        if let Some(name) = token.parameter(name) {
            parameters.insert(name.to_owned(), value);
        }
    };
    for (name, value) in standard {
        set(name, value);
    }
    let mut headers = request::json_headers();
    for (name, template) in &token.headers {
        let text = template.fill(known).map_err(unusable)?;
        request::insert(&mut headers, name, &text)?;
    }
    client.prove(token, url.as_str(), &mut headers, &mut set, &value, once)?;
    let mut outgoing = Outgoing {
        method: reqwest::Method::POST,
        url,
        headers,
        body: None,
        certificate: client.certificate(token),
    };
    match token.body {
        Body::Form => {
            outgoing.body = Some(request::form_body(&mut outgoing.headers, &parameters));
        }
        Body::Json => {
            outgoing.body = Some(request::json_body(&mut outgoing.headers, &parameters)?);
        }
        Body::Query => {
            outgoing.method = reqwest::Method::GET;
            outgoing.url.query_pairs_mut().extend_pairs(&parameters);
        }
    }
    Ok(outgoing)
}
