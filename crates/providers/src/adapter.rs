//! What a provider may do in its own way. The defaults are the standard flow.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::secret::SecretString;
use url::Url;

use crate::{
    Provider, adapters,
    authorize::{self, AuthorizationRequest},
    callback::{self, CallbackParameters},
    error::ProviderError,
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

impl Provider {
    fn adapter(&self) -> &'static dyn Adapter {
        adapters::of(self.family.as_str())
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
}
