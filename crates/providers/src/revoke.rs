//! Ending a grant at the provider (RFC 7009, or the vendor's own way).

use std::collections::BTreeMap;

use keyway_domain::{credential::GrantSecrets, secret::SecretString};
use serde_json::{Map, Value};

use crate::{
    Provider, answer, dpop, error::ProviderError, facts::Facts, http::HttpClient, kept, request,
};

impl Provider {
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
        let Some(call) = &self.definition.revoke else {
            return Ok(false);
        };
        let key = dpop::of_grant(&self.definition, secrets)?;
        let entered = kept::entered(&self.definition, secrets);
        let facts = Facts {
            definition: &self.definition,
            client_id,
            client_secret,
            variables,
            callback: &BTreeMap::new(),
            entered: &entered,
            tokens: Some(kept::tokens(public, secrets)),
            id_token: Value::Null,
            identity: Map::new(),
            chosen: Value::Null,
            proof_key: key.as_ref(),
        };
        let answer = request::send(http, call, &facts).await?;
        answer::ended(&answer, call, &facts.redaction())?;
        Ok(true)
    }
}
