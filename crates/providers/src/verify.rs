//! Whether an access token is good: the identity calls, made again.

use std::collections::BTreeMap;

use keyway_domain::{credential::GrantSecrets, secret::SecretString};
use serde_json::{Map, Value};

use crate::{Provider, dpop, error::ProviderError, facts::Facts, http::HttpClient, identity, kept};

/// Whose token to verify.
#[derive(Debug)]
pub struct Verification<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// The provider's client secret.
    pub client_secret: &'a SecretString,
    /// The provider's variables that the flow was made with.
    pub variables: &'a BTreeMap<String, String>,
    /// The properties that may be shown: what the token endpoint once said lives on in them.
    pub public: &'a Map<String, Value>,
    /// The tokens.
    pub secrets: &'a GrantSecrets,
}

impl Provider {
    /// Makes the identity calls with the access token; `false` if the definition has none.
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::condemns_token`] tells a bad token from a bad day.
    pub async fn verify(
        &self,
        http: &HttpClient,
        grant: &Verification<'_>,
    ) -> Result<bool, ProviderError> {
        if self.definition.identity.is_empty() {
            return Ok(false);
        }
        let key = dpop::of_grant(&self.definition, grant.secrets)?;
        let entered = kept::entered(&self.definition, grant.secrets);
        let mut facts = Facts {
            definition: &self.definition,
            client_id: grant.client_id,
            client_secret: grant.client_secret,
            variables: grant.variables,
            callback: &BTreeMap::new(),
            entered: &entered,
            tokens: Some(kept::tokens(grant.public, grant.secrets)),
            id_token: Value::Null,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key: key.as_ref(),
        };
        identity::standard(http, &mut facts).await?;
        Ok(true)
    }
}
