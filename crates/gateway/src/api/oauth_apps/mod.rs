//! `/v1/oauth-apps`: the account's clients at providers.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod secrets;
pub(crate) mod settings;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{client_settings::ClientSettings, credential::MASK, scope::Scopes};
use keyway_store::OauthApp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use settings::OauthAppSettings;

const WHAT: &str = "OAuth app";

/// An OAuth app. Its client secret is masked.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OauthApp)]
pub(crate) struct Shown {
    /// The `client_id` of every Keyway URL.
    id: Uuid,
    /// Slug of the provider.
    #[schema(example = "linear")]
    provider: String,
    /// Name for people.
    name: String,
    /// The provider's client id.
    client_id: String,
    /// Masked; but for a client that Keyway made itself, this once, in the answer that made it.
    #[schema(example = "***********")]
    client_secret: String,
    /// Scopes to ask for; `null`: the catalogue's default.
    scopes: Option<Vec<String>>,
    /// The provider's variables that the admin set.
    variables: BTreeMap<String, String>,
    /// What the client keeps with it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// How its backend proves itself at the OAuth endpoints, and what it gets there.
    #[schema(value_type = OauthAppSettings)]
    settings: ClientSettings,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Shown {
    pub(crate) fn of(app: &OauthApp) -> Self {
        Self {
            id: app.id.uuid(),
            provider: app.provider.to_string(),
            name: app.name.clone(),
            client_id: app.client_id.clone(),
            client_secret: MASK.to_owned(),
            scopes: app
                .scopes
                .as_ref()
                .map(|list| Scopes::as_slice(list).to_vec()),
            variables: app.variables.clone(),
            metadata: app.metadata.clone(),
            settings: app.settings.clone(),
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }
}
