//! Connections of Nango, as `GET /connections/{connectionId}` answers them.
//!
//! They hold tokens and the token endpoint's answer, but not always whose they are: the provider is
//! asked, as at the end of a flow. So the access token must be good, which it is when Nango has just
//! answered.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    audit::Actor,
    credential::EndUser,
    ids::{AccountId, OauthAppId},
    sealed::Place,
};
use keyway_providers::{adopt::Adoption, http::HttpClient};
use keyway_store::ImportedCredential;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::Fault,
    transfer::import::{ImportError, Importer, Incoming, problems},
};

/// A connection of Nango.
#[derive(Deserialize)]
pub struct Connection {
    /// Nango's id of it.
    pub connection_id: String,
    /// Nango's name of the integration.
    pub provider_config_key: String,
    credentials: Credentials,
    #[serde(default, rename = "connection_config")]
    config: Option<Map<String, Value>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    end_user: Option<NangoUser>,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    access_token: Option<SecretString>,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    raw: Option<Value>,
}

#[derive(Deserialize)]
struct NangoUser {
    id: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({:?})", self.connection_id)
    }
}

impl Connection {
    /// Nango's texts besides the tokens: a provider variable, or what a callback brought.
    fn texts(&self) -> BTreeMap<String, String> {
        let config = self.config.iter().flatten();
        config
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn incoming(&self) -> Incoming {
        let user = self.end_user.as_ref().map(|user| EndUser {
            id: user.id.clone(),
            email: user.email.clone().filter(|text| !text.is_empty()),
            name: user.display_name.clone().filter(|text| !text.is_empty()),
        });
        Incoming {
            // Nango's id is what the client knows the connection by.
            name: Some(self.connection_id.clone()),
            metadata: self.metadata.clone(),
            end_user: user,
            ..Incoming::default()
        }
    }
}

impl Importer<'_> {
    /// Imports a connection of Nango, or renews the credential of the same external account.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import_nango(
        &self,
        http: &HttpClient,
        account: AccountId,
        app: OauthAppId,
        connection: &Connection,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<ImportedCredential, ImportError> {
        let incoming = connection.incoming();
        let problems = problems(&incoming);
        if !problems.is_empty() {
            return Err(ImportError::Invalid(problems));
        }
        let (found, provider) = self.find(account, app).await?;
        let wrong = |field: &str, why: String| ImportError::Invalid(vec![(field.into(), why)]);
        let credentials = &connection.credentials;
        if credentials.kind != "OAUTH2" {
            return Err(wrong("credentials.type", "only OAUTH2 is taken".into()));
        }
        let Some(access_token) = &credentials.access_token else {
            return Err(wrong("credentials.access_token", "is missing".into()));
        };
        let answer = answer(credentials, access_token);
        let texts = connection.texts();
        let definition = &provider.definition;
        let given = definition.end_users_variables();
        let given = given.filter_map(|(name, _)| Some((name, texts.get(name)?.as_str())));
        let mut variables = definition
            .check_variables(given)
            .map_err(|error| wrong("connection_config", error.to_string()))?;
        variables.extend(found.variables.clone());
        if let Some((name, _)) = definition.missing_variables(&variables).next() {
            return Err(wrong(
                &format!("connection_config.{name}"),
                "is missing".into(),
            ));
        }
        let place = Place::oauth_app_client_secret(found.id, found.account_id);
        let secret = self.ring.open(&place, &found.sealed_client_secret);
        let adoption = Adoption {
            client_id: &found.client_id,
            client_secret: &secret.map_err(Fault::from)?,
            variables,
            callback: &texts,
            answer: &answer,
            access_token,
            refresh_token: credentials.refresh_token.as_ref(),
            expires_at: credentials.expires_at,
            now,
        };
        let imported = provider.adopt(http, adoption).await?;
        self.keep((&provider, &found), imported, incoming, actor, now)
            .await
    }
}

/// The provider's answer as Nango kept it; the token alone, where it kept none.
fn answer(credentials: &Credentials, access_token: &SecretString) -> SecretString {
    let kept = credentials.raw.as_ref().filter(|raw| raw.is_object());
    let kept = kept.map(ToString::to_string);
    SecretString::new(
        kept.unwrap_or_else(|| json!({"access_token": access_token.expose()}).to_string()),
    )
}
