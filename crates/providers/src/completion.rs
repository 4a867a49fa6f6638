//! From a callback, or from a form, to a credential.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::{ExternalAccount, GrantSecrets, Properties},
    secret::SecretString,
    token_set::TokenSet,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    Definition, Provider, answer,
    callback::{self, CallbackParameters},
    choice::{self, Account},
    definition::IdToken,
    dpop,
    error::ProviderError,
    exchange::{self, ExchangeRequest},
    facts::Facts,
    http::HttpClient,
    id_token, identity, mint, request, shape,
};

/// What a flow brings to its completion.
#[derive(Debug)]
pub struct Completion<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// The provider's client secret.
    pub client_secret: &'a SecretString,
    /// Our callback.
    pub redirect_uri: &'a str,
    /// Our PKCE verifier.
    pub code_verifier: Option<&'a SecretString>,
    /// Our nonce, if one was sent.
    pub nonce: Option<&'a str>,
    /// The provider's variables, checked.
    pub variables: &'a BTreeMap<String, String>,
    /// The callback's parameters.
    pub callback: &'a CallbackParameters,
    /// The key that the flow was started with ([`Definition::new_proof_key`]).
    pub proof_key: Option<&'a SecretString>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What a provider granted.
#[derive(Debug)]
pub struct Granted {
    /// Whose it is.
    pub external: ExternalAccount,
    /// The credential's properties.
    pub properties: Properties,
    /// The tokens in the standard's terms.
    pub tokens: TokenSet,
    /// The key that they are bound to (RFC 9449).
    pub proof_key: Option<SecretString>,
}

impl Granted {
    /// What is kept of it, sealed.
    pub fn secrets(&self) -> GrantSecrets {
        let refresh = self.tokens.refresh_token.as_ref();
        GrantSecrets {
            external_id: self.external.id.clone(),
            access_token: Some(self.tokens.access_token.expose().clone()),
            refresh_token: refresh.map(|token| token.expose().clone()),
            proof_key: self.proof_key.as_ref().map(|key| key.expose().clone()),
            properties: self.properties.secret.expose().clone(),
        }
    }
}

/// What came of a completion.
#[derive(Debug)]
pub enum Completed {
    /// A credential.
    Granted(Box<Granted>),
    /// One grant for several accounts: the end user says which is meant.
    Choose(Vec<Account>, Box<Pending>),
}

/// A grant whose account is not chosen yet: all that is needed to go on, tokens included. To be
/// sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pending {
    /// The token endpoint's answer.
    answer: Value,
    /// When it came.
    at: DateTime<Utc>,
    callback: BTreeMap<String, String>,
    id_token: Value,
    identity: Map<String, Value>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pending([redacted])")
    }
}

/// What the end user entered where there is no code flow.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The provider's variables, checked.
    pub variables: &'a BTreeMap<String, String>,
    /// The secret ones.
    pub secrets: &'a BTreeMap<String, SecretString>,
    /// The key that the flow was started with ([`Definition::new_proof_key`]).
    pub proof_key: Option<&'a SecretString>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// How far a completion came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before or at the token endpoint.
    Exchange,
    /// After it.
    Identity,
}

impl Provider {
    /// Exchanges the provider's code, asks whose the tokens are, and shapes the credential.
    ///
    /// # Errors
    /// [`ProviderError`], and how far it came.
    pub async fn complete(
        &self,
        http: &HttpClient,
        code: &SecretString,
        completion: &Completion<'_>,
    ) -> Result<Completed, (Stage, ProviderError)> {
        let definition = &self.definition;
        let at_exchange = |error| (Stage::Exchange, error);
        let captured = callback::capture(definition, completion.callback).map_err(at_exchange)?;
        let key = dpop::of_flow(definition, completion.proof_key).map_err(at_exchange)?;
        let exchange = ExchangeRequest {
            client_id: completion.client_id,
            client_secret: completion.client_secret,
            code,
            redirect_uri: completion.redirect_uri,
            code_verifier: completion.code_verifier,
            variables: completion.variables,
            callback: &captured,
            proof_key: key.as_ref(),
            now: completion.now,
        };
        let keys = keys(definition, completion).map_err(at_exchange)?;
        if let (Some((_, jwks)), Some(_)) = (&keys, completion.nonce) {
            // Before the code is spent: without keys the tokens would come to nothing.
            let known = http.keys.signing(http, jwks, None).await;
            known.map_err(at_exchange)?;
        }
        let tokens = exchange::standard(definition, http, &exchange)
            .await
            .map_err(at_exchange)?;
        let checking = check_id_token(http, definition, &tokens.1, completion, keys);
        let id_token = checking.await.map_err(at_exchange)?;
        let facts = Facts {
            definition,
            client_id: completion.client_id,
            client_secret: completion.client_secret,
            variables: completion.variables,
            callback: &captured,
            entered: &BTreeMap::new(),
            tokens: Some(tokens),
            id_token,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key: key.as_ref(),
        };
        identify(http, facts, completion.now).await
    }

    /// Checks what the end user entered by a call to the provider, where one is known, and shapes
    /// the credential.
    ///
    /// # Errors
    /// [`ProviderError`], and how far it came.
    pub async fn enter(
        &self,
        http: &HttpClient,
        entry: &Entry<'_>,
    ) -> Result<Completed, (Stage, ProviderError)> {
        let definition = &self.definition;
        let at_exchange = |error| (Stage::Exchange, error);
        let key = dpop::of_flow(definition, entry.proof_key).map_err(at_exchange)?;
        let tokens = if definition.auth.is_minted() {
            let known = (entry.variables, entry.secrets);
            mint::tokens(definition, http, known, key.as_ref(), entry.now).await
        } else {
            entered(definition, entry)
        };
        let nothing = SecretString::from("");
        let facts = Facts {
            definition,
            client_id: "",
            client_secret: &nothing,
            variables: entry.variables,
            callback: &BTreeMap::new(),
            entered: entry.secrets,
            tokens: Some(tokens.map_err(at_exchange)?),
            id_token: Value::Null,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key: key.as_ref(),
        };
        identify(http, facts, entry.now).await
    }

    /// Goes on with the account that was chosen.
    ///
    /// # Errors
    /// [`ProviderError`] if it is none of those that there are.
    pub fn choose(
        &self,
        pending: &Pending,
        chosen: &str,
        client_id: &str,
        variables: &BTreeMap<String, String>,
        proof_key: Option<&SecretString>,
    ) -> Result<Granted, ProviderError> {
        let definition = &self.definition;
        let key = dpop::of_flow(definition, proof_key)?;
        let response = answer::last_response(definition)?;
        let granted = answer::granted(&pending.answer, response, pending.at)?;
        let nothing = SecretString::from("");
        let mut facts = Facts {
            definition,
            client_id,
            client_secret: &nothing,
            variables,
            callback: &pending.callback,
            entered: &BTreeMap::new(),
            tokens: Some((pending.answer.clone(), granted)),
            id_token: pending.id_token.clone(),
            identity: pending.identity.clone(),
            chosen: Value::Null,
            proof_key: key.as_ref(),
        };
        let rule = definition.choice.as_ref();
        let rule = rule.ok_or_else(|| crate::request::unusable("there is nothing to choose"))?;
        facts.chosen = choice::find(rule, &facts, chosen)?;
        granted_of(facts)
    }
}

/// What was entered, in the standard's terms: the key is the access token.
fn entered(definition: &Definition, entry: &Entry<'_>) -> Result<(Value, TokenSet), ProviderError> {
    let name = definition.entry_name();
    let key = name.and_then(|name| entry.secrets.get(name));
    let key = key.ok_or_else(|| crate::request::unusable("the key is missing"))?;
    let tokens = TokenSet {
        access_token: key.clone(),
        token_type: None,
        refresh_token: None,
        expires_at: None,
        refresh_expires_at: None,
        scope: None,
        id_token: None,
    };
    Ok((Value::Object(Map::new()), tokens))
}

async fn identify(
    http: &HttpClient,
    mut facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Completed, (Stage, ProviderError)> {
    let at_identity = |error| (Stage::Identity, error);
    identity::standard(http, &mut facts)
        .await
        .map_err(at_identity)?;
    if let Some(rule) = &facts.definition.choice {
        let mut accounts = choice::accounts(rule, &facts).map_err(at_identity)?;
        if accounts.len() > 1 {
            let answer = facts.tokens.map(|(answer, _)| answer).unwrap_or_default();
            let pending = Pending {
                answer,
                at: now,
                callback: facts.callback.clone(),
                id_token: facts.id_token,
                identity: facts.identity,
            };
            return Ok(Completed::Choose(accounts, Box::new(pending)));
        }
        let only = accounts.pop().ok_or_else(|| {
            at_identity(ProviderError::Malformed(
                "it opens no account at all".into(),
            ))
        })?;
        facts.chosen = choice::find(rule, &facts, &only.id).map_err(at_identity)?;
    }
    let granted = granted_of(facts).map_err(at_identity)?;
    Ok(Completed::Granted(Box::new(granted)))
}

fn granted_of(facts: Facts<'_>) -> Result<Granted, ProviderError> {
    let (external, properties) = shape::credential(&facts)?;
    let tokens = facts.tokens.map(|(_, tokens)| tokens);
    let proof_key = facts.proof_key.map(|key| key.text().clone());
    Ok(Granted {
        proof_key,
        external,
        properties,
        tokens: tokens.ok_or_else(|| ProviderError::Malformed("no tokens".into()))?,
    })
}

/// Where the keys are that sign an `id_token`, if they are to be looked at.
fn keys<'a>(
    definition: &'a Definition,
    completion: &Completion<'_>,
) -> Result<Option<(&'a IdToken, Url)>, ProviderError> {
    let Some(rule) = &definition.id_token else {
        return Ok(None);
    };
    let variable = |name: &str| definition.variable_value(completion.variables, name);
    let url = request::url(definition, &rule.jwks_url, variable)?;
    Ok(Some((rule, url)))
}

async fn check_id_token(
    http: &HttpClient,
    definition: &Definition,
    tokens: &TokenSet,
    completion: &Completion<'_>,
    keys: Option<(&IdToken, Url)>,
) -> Result<Value, ProviderError> {
    let Some(id_token) = &tokens.id_token else {
        return match completion.nonce {
            Some(_) => Err(ProviderError::Untrusted(
                "no id_token, though openid was asked for".into(),
            )),
            None => Ok(Value::Null),
        };
    };
    let issuer = callback::issuer(definition, completion.variables)?;
    let expected = id_token::Expected {
        issuer: issuer.as_deref(),
        client_id: completion.client_id,
        nonce: completion.nonce,
        now: completion.now,
    };
    if let Some((rule, jwks)) = keys {
        id_token::check_signature(http, rule, &jwks, id_token.expose()).await?;
    }
    id_token::claims(id_token.expose(), &expected)
}
