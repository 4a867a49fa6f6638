//! What a provider may do in its own way. The defaults are the standard flow.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::{ExternalAccount, GrantSecrets, Properties},
    secret::SecretString,
    token_set::TokenSet,
};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    Definition, Provider, adapters,
    authorize::{self, AuthorizationRequest},
    callback::{self, CallbackParameters},
    error::ProviderError,
    exchange::{self, ExchangeRequest},
    facts::Facts,
    http::HttpClient,
    id_token, identity, revoke, shape,
};

/// Where a provider departs from the standard in a way that data cannot say.
pub trait Adapter: std::fmt::Debug + Send + Sync {
    /// Checks what the provider signed of a callback, beyond `state` and `iss`.
    ///
    /// # Errors
    /// [`ProviderError::Untrusted`] if the signature is wrong.
    fn verify_callback(
        &self,
        _parameters: &CallbackParameters,
        _client_secret: &SecretString,
        _variables: &BTreeMap<String, String>,
        _now: DateTime<Utc>,
    ) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// The standard flow, and nothing else.
#[derive(Debug)]
pub(crate) struct Standard;

impl Adapter for Standard {}

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
    fn adapter(&self) -> &'static dyn Adapter {
        adapters::of(self.slug.as_str())
    }

    /// The URL that starts the flow at the provider.
    ///
    /// # Errors
    /// [`ProviderError::Unusable`].
    pub fn authorize_url(&self, request: &AuthorizationRequest<'_>) -> Result<Url, ProviderError> {
        authorize::standard(&self.definition, request)
    }

    /// Checks what a callback says of itself: `iss`, and the provider's own signature.
    ///
    /// # Errors
    /// [`ProviderError::Untrusted`]: the flow must not go on.
    pub fn verify_callback(
        &self,
        parameters: &CallbackParameters,
        client_secret: &SecretString,
        variables: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), ProviderError> {
        callback::check_issuer(&self.definition, variables, parameters)?;
        self.adapter()
            .verify_callback(parameters, client_secret, variables, now)
    }

    /// Exchanges the provider's code, asks whose the tokens are, and shapes the credential.
    ///
    /// # Errors
    /// [`ProviderError`], and how far it came.
    pub async fn complete(
        &self,
        http: &HttpClient,
        code: &SecretString,
        completion: &Completion<'_>,
    ) -> Result<Granted, (Stage, ProviderError)> {
        let definition = &self.definition;
        let at_exchange = |error| (Stage::Exchange, error);
        let captured = callback::capture(definition, completion.callback).map_err(at_exchange)?;
        let exchange = ExchangeRequest {
            client_id: completion.client_id,
            client_secret: completion.client_secret,
            code,
            redirect_uri: completion.redirect_uri,
            code_verifier: completion.code_verifier,
            variables: completion.variables,
            now: completion.now,
        };
        let tokens = exchange::standard(definition, http, &exchange)
            .await
            .map_err(at_exchange)?;
        let id_token = check_id_token(definition, &tokens.1, completion).map_err(at_exchange)?;
        let mut facts = Facts {
            definition,
            client_id: completion.client_id,
            client_secret: completion.client_secret,
            variables: completion.variables,
            callback: &captured,
            tokens: Some(tokens),
            id_token,
            identity: Map::new(),
        };
        let at_identity = |error| (Stage::Identity, error);
        identity::standard(http, &mut facts)
            .await
            .map_err(at_identity)?;
        let (external, properties) = shape::credential(&facts).map_err(at_identity)?;
        let Some((_, tokens)) = facts.tokens else {
            return Err((
                Stage::Identity,
                ProviderError::Malformed("no tokens".into()),
            ));
        };
        Ok(Granted {
            external,
            properties,
            tokens,
        })
    }

    /// Ends a grant at the provider; `false` if the provider has no way.
    ///
    /// # Errors
    /// [`ProviderError`] with the provider's own words.
    pub async fn revoke(
        &self,
        http: &HttpClient,
        client_id: &str,
        client_secret: &SecretString,
        variables: &BTreeMap<String, String>,
        public: &Map<String, Value>,
        secrets: &GrantSecrets,
    ) -> Result<bool, ProviderError> {
        let access = secrets.access_token.clone().unwrap_or_default();
        let tokens = TokenSet {
            access_token: SecretString::new(access),
            token_type: None,
            refresh_token: secrets.refresh_token.clone().map(SecretString::new),
            expires_at: None,
            refresh_expires_at: None,
            scope: None,
            id_token: None,
        };
        // What the token endpoint once said lives on in the properties.
        let facts = Facts {
            definition: &self.definition,
            client_id,
            client_secret,
            variables,
            callback: &BTreeMap::new(),
            tokens: Some((Value::Object(public.clone()), tokens)),
            id_token: Value::Null,
            identity: Map::new(),
        };
        revoke::standard(http, &facts).await
    }
}

fn check_id_token(
    definition: &Definition,
    tokens: &TokenSet,
    completion: &Completion<'_>,
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
    id_token::claims(id_token.expose(), &expected)
}
