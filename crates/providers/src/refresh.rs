//! Refreshing (RFC 6749 section 6): the call.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::GrantSecrets, scope::Scopes, secret::SecretString, token_set::TokenSet,
};
use serde_json::{Map, Value};

use crate::{
    Definition, Provider, answer,
    definition::{Refresh, Rotation},
    error::{ProviderError, Redaction},
    exchange::authenticated,
    facts::Facts,
    http::{HttpClient, Outgoing},
    request::{self, unusable},
    shape,
};

/// What goes into a refresh: the app, and what is kept of the grant.
#[derive(Debug)]
pub struct RefreshRequest<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// The provider's client secret.
    pub client_secret: &'a SecretString,
    /// Our callback, for providers that want it again.
    pub redirect_uri: &'a str,
    /// The provider's variables that the flow was made with.
    pub variables: &'a BTreeMap<String, String>,
    /// The properties that may be shown.
    pub public: &'a Map<String, Value>,
    /// The tokens and the other secret properties.
    pub secrets: &'a GrantSecrets,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<&'a str>,
    /// The granted scopes.
    pub scopes: Option<&'a Scopes>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// A grant as it is after a refresh.
#[derive(Debug)]
pub struct Refreshed {
    /// The properties that may be shown.
    pub public: Map<String, Value>,
    /// The tokens and the other secret properties.
    pub secrets: GrantSecrets,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<String>,
    /// The granted scopes.
    pub scopes: Option<Scopes>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

impl Provider {
    /// Whether its refresh tokens are good for one use: an answer that is lost takes the next one
    /// along.
    pub fn is_single_use(&self) -> bool {
        let refresh = self.definition.refresh.as_ref();
        refresh.is_some_and(|refresh| refresh.rotation == Rotation::SingleUse)
    }

    /// Refreshes a grant, by one request that is never repeated.
    ///
    /// The refresh token is replaced if and only if the answer carries one. What the answer does not
    /// tell stays as it was, but for the end of the access token.
    ///
    /// # Errors
    /// [`ProviderError`] with the provider's own words; [`ProviderError::refresh_failure`] says what
    /// it means.
    pub async fn refresh(
        &self,
        http: &HttpClient,
        request: &RefreshRequest<'_>,
    ) -> Result<Refreshed, ProviderError> {
        let definition = &self.definition;
        let refresh = definition
            .refresh
            .as_ref()
            .ok_or_else(|| unusable("this provider has no refresh"))?;
        let used = request
            .secrets
            .refresh_token
            .clone()
            .map(SecretString::new)
            .ok_or_else(|| unusable("there is no refresh token"))?;
        let outgoing = outgoing(definition, refresh, request, &used)?;
        let answer = http.send(outgoing).await?;
        let response = &definition.token.response;
        let redaction = redaction(request, &used);
        let (root, told) = answer::tokens(&answer, response, request.now, &redaction)?;
        let tokens = merged(told, request, used);
        Ok(renewed(definition, request, root, tokens))
    }
}

fn outgoing(
    definition: &Definition,
    refresh: &Refresh,
    request: &RefreshRequest<'_>,
    used: &SecretString,
) -> Result<Outgoing, ProviderError> {
    let token = &definition.token;
    let variable = |name: &str| definition.variable_value(request.variables, name);
    let template = refresh.url.as_ref().unwrap_or(&token.url);
    let url = request::url(definition, template, variable)?;
    let mut parameters = request::filled(&token.parameters, variable)?;
    parameters.extend(request::filled(&refresh.parameters, variable)?);
    parameters.insert("grant_type".into(), "refresh_token".into());
    parameters.insert("refresh_token".into(), used.expose().clone());
    if refresh.redirect_uri {
        parameters.insert("redirect_uri".into(), request.redirect_uri.to_owned());
    }
    let (id, secret) = (request.client_id, request.client_secret);
    authenticated(token, url, parameters, id, secret)
}

fn redaction(request: &RefreshRequest<'_>, used: &SecretString) -> Redaction {
    let mut redaction = Redaction::default();
    redaction.add(request.client_secret);
    let pair = request::basic_pair(request.client_id, request.client_secret);
    redaction.add(&pair);
    redaction.add(used);
    if let Some(access_token) = &request.secrets.access_token {
        redaction.add(&SecretString::from(access_token.as_str()));
    }
    redaction
}

/// What was told, and where nothing was, what was known.
fn merged(told: TokenSet, request: &RefreshRequest<'_>, used: SecretString) -> TokenSet {
    // The end of the old refresh token says nothing of a new one.
    let known_end = request
        .refresh_expires_at
        .filter(|_| told.refresh_token.is_none());
    TokenSet {
        access_token: told.access_token,
        token_type: told
            .token_type
            .or_else(|| request.token_type.map(str::to_owned)),
        refresh_token: told.refresh_token.or(Some(used)),
        expires_at: told.expires_at,
        refresh_expires_at: told.refresh_expires_at.or(known_end),
        scope: told.scope.or_else(|| request.scopes.cloned()),
        id_token: None,
    }
}

fn renewed(
    definition: &Definition,
    request: &RefreshRequest<'_>,
    root: Value,
    tokens: TokenSet,
) -> Refreshed {
    let text = |secret: &SecretString| secret.expose().clone();
    let mut secrets = request.secrets.clone();
    secrets.access_token = Some(text(&tokens.access_token));
    secrets.refresh_token = tokens.refresh_token.as_ref().map(text);
    let mut refreshed = Refreshed {
        public: request.public.clone(),
        secrets,
        token_type: tokens.token_type.clone(),
        scopes: tokens.scope.clone(),
        expires_at: tokens.expires_at,
        refresh_expires_at: tokens.refresh_expires_at,
    };
    let facts = Facts {
        definition,
        client_id: request.client_id,
        client_secret: request.client_secret,
        variables: request.variables,
        callback: &BTreeMap::new(),
        tokens: Some((root, tokens)),
        id_token: Value::Null,
        identity: Map::new(),
    };
    let secret = &mut refreshed.secrets.properties;
    shape::renew(&facts, &mut refreshed.public, secret);
    refreshed
}
