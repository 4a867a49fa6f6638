//! Tokens that are minted with what the end user entered: client credentials (RFC 6749 section 4.4)
//! and assertions (RFC 7523 section 2.1). They are minted again where others are refreshed.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{secret::SecretString, token_set::TokenSet};
use serde_json::{Map, Value};

use crate::{
    Definition, answer, assertion,
    client::Client,
    definition::{Assertion, Auth},
    dpop::{self, ProofKey},
    error::{ProviderError, Redaction},
    exchange,
    http::HttpClient,
    oauth1::Once,
    request::{basic_pair, unusable},
};

/// The grant type of an assertion.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Mints a token with what was entered: public and secret variables.
pub(crate) async fn tokens(
    definition: &Definition,
    http: &HttpClient,
    (variables, secrets): (&BTreeMap<String, String>, &BTreeMap<String, SecretString>),
    key: Option<&ProofKey>,
    now: DateTime<Utc>,
) -> Result<(Value, TokenSet), ProviderError> {
    let value = |name: &str| match name.split_once('.') {
        Some(("secret", name)) => Some(secrets.get(name)?.expose().clone()),
        _ => definition.variable_value(variables, name),
    };
    let either = |name: &str| {
        let secret = secrets.get(name).map(|secret| secret.expose().clone());
        secret.or_else(|| value(name)).unwrap_or_default()
    };
    let secret = SecretString::new(either("client_secret"));
    let id = either("client_id");
    let client = Client {
        id: &id,
        secret: &secret,
    };
    let token = exchange::endpoint(definition)?;
    let make = |once: &Once| {
        let standard = if definition.auth == Auth::ClientCredentials {
            vec![("grant_type", "client_credentials".to_owned())]
        } else {
            let rule = definition.assertion.as_ref();
            let rule = rule.ok_or_else(|| unusable("the definition has no assertion"))?;
            vec![
                ("grant_type", JWT_BEARER.to_owned()),
                ("assertion", assertion_of(rule, secrets, value, once)?),
            ]
        };
        exchange::request(definition, token, client, standard, value, once)
    };
    let mut redaction = Redaction::default();
    redaction.add(&basic_pair(&id, &secret));
    for secret in secrets.values() {
        redaction.add(secret);
    }
    let answer = dpop::send(http, key, None, make).await?;
    let tokens = answer::tokens(&answer, &token.response, now, &redaction)?;
    dpop::check_bound(key, &tokens.1)?;
    Ok(tokens)
}

/// The assertion itself (RFC 7523 section 3).
fn assertion_of(
    rule: &Assertion,
    secrets: &BTreeMap<String, SecretString>,
    value: impl Fn(&str) -> Option<String>,
    once: &Once,
) -> Result<String, ProviderError> {
    let key = secrets
        .get(&rule.key)
        .ok_or_else(|| unusable("there is no private key"))?;
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    for (name, template) in &rule.claims {
        claim(name, template.fill(&value).map_err(unusable)?.into());
    }
    claim("iss", rule.issuer.fill(&value).map_err(unusable)?.into());
    if let Some(subject) = &rule.subject {
        claim("sub", subject.fill(&value).map_err(unusable)?.into());
    }
    claim("aud", rule.audience.fill(&value).map_err(unusable)?.into());
    claim("iat", once.at.timestamp().into());
    let ends = once.at + TimeDelta::seconds(rule.lifetime.into());
    claim("exp", ends.timestamp().into());
    claim("jti", once.nonce.clone().into());
    let key_id = rule.key_id.as_ref().map(|key_id| key_id.fill(&value));
    let key_id = key_id.transpose().map_err(unusable)?;
    assertion::signed(&rule.algorithm, key_id, claims, key)
}
