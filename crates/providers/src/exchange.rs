//! A provider's code for its tokens (RFC 6749 section 4.1.3).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{secret::SecretString, token_set::TokenSet};
use serde_json::Value;

use crate::{
    Definition, answer,
    definition::{Body, ClientAuthentication, Token},
    error::{ProviderError, Redaction},
    http::{HttpClient, Outgoing},
    request,
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
    /// Now.
    pub now: DateTime<Utc>,
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
    let outgoing = outgoing(definition, exchange)?;
    let answer = http.send(outgoing).await?;
    answer::tokens(
        &answer,
        &definition.token.response,
        exchange.now,
        &redaction,
    )
}

fn outgoing(
    definition: &Definition,
    exchange: &ExchangeRequest<'_>,
) -> Result<Outgoing, ProviderError> {
    let token = &definition.token;
    let variable = |name: &str| definition.variable_value(exchange.variables, name);
    let url = request::url(definition, &token.url, variable)?;
    let mut parameters = request::filled(&token.parameters, variable)?;
    let mut set = |name: &str, value: &str| {
        if !token.omit.iter().any(|omitted| omitted == name) {
            parameters.insert(name.to_owned(), value.to_owned());
        }
    };
    set("grant_type", "authorization_code");
    set("code", exchange.code.expose());
    set("redirect_uri", exchange.redirect_uri);
    if let Some(verifier) = exchange.code_verifier {
        set("code_verifier", verifier.expose());
    }
    authenticated(
        token,
        url,
        parameters,
        exchange.client_id,
        exchange.client_secret,
    )
}

/// A request to the token endpoint, with the client's proof in the place that the provider wants.
pub(crate) fn authenticated(
    token: &Token,
    url: url::Url,
    mut parameters: BTreeMap<String, String>,
    client_id: &str,
    client_secret: &SecretString,
) -> Result<Outgoing, ProviderError> {
    let mut headers = request::json_headers();
    for (name, value) in &token.headers {
        request::insert(&mut headers, name, value)?;
    }
    let authentication = token.client_authentication;
    match authentication {
        ClientAuthentication::Basic | ClientAuthentication::BasicAndPost => {
            request::basic(&mut headers, client_id, client_secret)?;
        }
        ClientAuthentication::SecretAsUser => {
            request::basic(
                &mut headers,
                client_secret.expose(),
                &SecretString::from(""),
            )?;
        }
        ClientAuthentication::Post | ClientAuthentication::None => {}
    }
    if matches!(
        authentication,
        ClientAuthentication::Post
            | ClientAuthentication::BasicAndPost
            | ClientAuthentication::None
    ) {
        parameters.insert("client_id".into(), client_id.to_owned());
    }
    if matches!(
        authentication,
        ClientAuthentication::Post | ClientAuthentication::BasicAndPost
    ) {
        parameters.insert("client_secret".into(), client_secret.expose().clone());
    }
    let body = match token.body {
        Body::Form => request::form_body(&mut headers, &parameters),
        Body::Json => request::json_body(&mut headers, &parameters)?,
    };
    Ok(Outgoing {
        method: reqwest::Method::POST,
        url,
        headers,
        body: Some(body),
    })
}
