//! Refreshing (RFC 6749 section 6): the call.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::GrantSecrets, scope::Scopes, secret::SecretString, token_set::TokenSet,
};
use serde_json::{Map, Value};

use crate::{
    Definition, Provider, answer,
    client::Client,
    definition::{Refresh, RenewedWith, Rotation, Token},
    dpop::{self, ProofKey},
    error::{ProviderError, Redaction},
    exchange,
    facts::Facts,
    http::{HttpClient, Outgoing},
    kept, mint,
    oauth1::Once,
    request::{basic_pair, unusable},
    shape,
    source::{Root, text},
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
        if definition.auth.is_minted() {
            return self.mint_again(http, request).await;
        }
        let refresh = definition
            .refresh
            .as_ref()
            .ok_or_else(|| unusable("this provider has no refresh"))?;
        let kept = match refresh.renewed_with {
            RenewedWith::RefreshToken => &request.secrets.refresh_token,
            RenewedWith::AccessToken => &request.secrets.access_token,
        };
        let used = kept
            .clone()
            .map(SecretString::new)
            .ok_or_else(|| unusable("there is nothing to refresh with"))?;
        let token = refresh.endpoint(exchange::endpoint(definition)?);
        let key = dpop::of_grant(definition, request.secrets)?;
        let answer = dpop::send(http, key.as_ref(), None, |once| {
            outgoing(definition, (refresh, &token), request, &used, once)
        })
        .await?;
        let redaction = redaction(request, &used);
        let (root, told) = answer::tokens(&answer, &token.response, request.now, &redaction)?;
        let used = (refresh.renewed_with == RenewedWith::RefreshToken).then_some(used);
        let tokens = merged(told, request, used);
        dpop::check_bound(key.as_ref(), &tokens)?;
        Ok(renewed(definition, request, root, tokens, key.as_ref()))
    }

    async fn mint_again(
        &self,
        http: &HttpClient,
        request: &RefreshRequest<'_>,
    ) -> Result<Refreshed, ProviderError> {
        let definition = &self.definition;
        let entered = kept::entered(definition, request.secrets);
        let known = (request.variables, &entered);
        let key = dpop::of_grant(definition, request.secrets)?;
        let minting = mint::tokens(definition, http, known, key.as_ref(), request.now);
        let (root, told) = minting.await?;
        let tokens = merged(told, request, None);
        Ok(renewed(definition, request, root, tokens, key.as_ref()))
    }

    /// Whether there is something to renew this grant's access token with, and a way.
    pub fn is_renewable(&self, secrets: &GrantSecrets) -> bool {
        let kept = |refresh: &Refresh| match refresh.renewed_with {
            RenewedWith::RefreshToken => secrets.refresh_token.is_some(),
            RenewedWith::AccessToken => secrets.access_token.is_some(),
        };
        self.definition.auth.is_minted() || self.definition.refresh.as_ref().is_some_and(kept)
    }
}

fn outgoing(
    definition: &Definition,
    (refresh, token): (&Refresh, &Token),
    request: &RefreshRequest<'_>,
    used: &SecretString,
    once: &Once,
) -> Result<Outgoing, ProviderError> {
    let kept = |name: &str| {
        let property = request.public.get(name)?;
        text(property)
    };
    let value = |name: &str| match (name, name.split_once('.')) {
        ("access_token", _) => request.secrets.access_token.clone(),
        ("refresh_token", _) => request.secrets.refresh_token.clone(),
        // What the callback said lives on in the property that came from it.
        (_, Some(("callback", name))) => {
            let shape = &definition.credential;
            let property = shape.property_of(Root::Callback, name);
            property.and_then(|(name, _)| kept(name))
        }
        (_, Some(("token", name))) => kept(name),
        _ => definition.variable_value(request.variables, name),
    };
    let mut standard = vec![("grant_type", refresh.grant_type.clone())];
    standard.retain(|(_, value)| !value.is_empty());
    if refresh.renewed_with == RenewedWith::RefreshToken {
        standard.push(("refresh_token", used.expose().clone()));
    }
    if refresh.redirect_uri {
        standard.push(("redirect_uri", request.redirect_uri.to_owned()));
    }
    standard.extend(exchange::resource(definition, value)?);
    let client = Client {
        id: request.client_id,
        secret: request.client_secret,
    };
    exchange::request(definition, token, client, standard, value, once)
}

fn redaction(request: &RefreshRequest<'_>, used: &SecretString) -> Redaction {
    let mut redaction = Redaction::default();
    redaction.add(request.client_secret);
    let pair = basic_pair(request.client_id, request.client_secret);
    redaction.add(&pair);
    redaction.add(used);
    if let Some(access_token) = &request.secrets.access_token {
        redaction.add(&SecretString::from(access_token.as_str()));
    }
    redaction
}

/// What was told, and where nothing was, what was known.
fn merged(told: TokenSet, request: &RefreshRequest<'_>, used: Option<SecretString>) -> TokenSet {
    // The end of the old refresh token says nothing of a new one.
    let known_end = request
        .refresh_expires_at
        .filter(|_| told.refresh_token.is_none());
    TokenSet {
        access_token: told.access_token,
        token_type: told
            .token_type
            .or_else(|| request.token_type.map(str::to_owned)),
        refresh_token: told.refresh_token.or(used),
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
    proof_key: Option<&ProofKey>,
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
        entered: &BTreeMap::new(),
        tokens: Some((root, tokens)),
        id_token: Value::Null,
        identity: Map::new(),
        chosen: Value::Null,
        proof_key,
    };
    let secret = &mut refreshed.secrets.properties;
    shape::renew(&facts, &mut refreshed.public, secret);
    refreshed
}
