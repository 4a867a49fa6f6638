//! Tokens that another program got from the provider: read as if they had come to us.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{SecretString, token_set::TokenSet};
use serde_json::{Map, Value};

use crate::{
    Provider, answer, choice,
    completion::Granted,
    error::{ProviderError, Redaction},
    facts::Facts,
    http::{Answer, HttpClient},
    identity,
    import::Imported,
    shape,
};

/// What the other program knows.
#[derive(Debug)]
pub struct Adoption<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// The provider's client secret.
    pub client_secret: &'a SecretString,
    /// The provider's variables, checked.
    pub variables: BTreeMap<String, String>,
    /// What the callback brought, by name.
    pub callback: &'a BTreeMap<String, String>,
    /// The token endpoint's answer, as it came.
    pub answer: &'a SecretString,
    /// The newest access token.
    pub access_token: &'a SecretString,
    /// The newest refresh token.
    pub refresh_token: Option<&'a SecretString>,
    /// When the access token ends; none if that is not known.
    pub expires_at: Option<DateTime<Utc>>,
    /// Now.
    pub now: DateTime<Utc>,
}

impl Provider {
    /// Asks the provider whose the tokens are, and shapes the credential as a flow would have.
    ///
    /// # Errors
    /// [`ProviderError`]: the answer is none of this provider's, or the access token is good no more.
    pub async fn adopt(
        &self,
        http: &HttpClient,
        adoption: Adoption<'_>,
    ) -> Result<Imported, ProviderError> {
        let definition = &self.definition;
        let mut facts = Facts {
            definition,
            client_id: adoption.client_id,
            client_secret: adoption.client_secret,
            variables: &adoption.variables,
            callback: adoption.callback,
            entered: &BTreeMap::new(),
            tokens: Some(self.adopted(&adoption)?),
            id_token: Value::Null,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key: None,
        };
        identity::standard(http, &mut facts).await?;
        if let Some(rule) = &definition.choice {
            facts.chosen = choice::only(rule, &facts)?;
        }
        let (external, properties) = shape::credential(&facts)?;
        let tokens = facts.tokens.take();
        let (_, tokens) = tokens.ok_or(ProviderError::Malformed("no tokens".into()))?;
        let granted = Granted {
            external,
            properties,
            tokens,
            proof_key: None,
        };
        let secrets = granted.secrets();
        let tokens = granted.tokens;
        Ok(Imported {
            external: granted.external,
            properties: granted.properties,
            secrets,
            variables: adoption.variables,
            token_type: tokens.token_type,
            scopes: tokens.scope,
            expires_at: tokens.expires_at,
            refresh_expires_at: tokens.refresh_expires_at,
        })
    }

    /// The tokens in the standard's terms, the newest ones in place of those in the answer.
    fn adopted(&self, adoption: &Adoption<'_>) -> Result<(Value, TokenSet), ProviderError> {
        let answer = Answer {
            status: 200,
            content_type: "application/json".into(),
            body: adoption.answer.expose().clone().into_bytes(),
            ..Answer::default()
        };
        let mut redaction = Redaction::default();
        redaction.add(adoption.access_token);
        if let Some(refresh) = adoption.refresh_token {
            redaction.add(refresh);
        }
        let response = answer::last_response(&self.definition)?;
        let (root, mut tokens) = answer::tokens(&answer, response, adoption.now, &redaction)?;
        tokens.access_token = adoption.access_token.clone();
        if let Some(refresh) = adoption.refresh_token {
            tokens.refresh_token = Some(refresh.clone());
        }
        // What the answer says of time counts from a moment that nobody knows.
        tokens.expires_at = adoption.expires_at;
        tokens.refresh_expires_at = None;
        if tokens.expires_at.is_none() && tokens.refresh_token.is_some() {
            let can_refresh = self.definition.refresh.is_some();
            tokens.expires_at = can_refresh.then_some(adoption.now);
        }
        Ok((root, tokens))
    }
}
