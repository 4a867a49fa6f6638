//! `/v1/credentials`: what providers granted.

pub(crate) mod change;
pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod refresh;
pub(crate) mod report_unauthorized;
pub(crate) mod token;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::{self, Credential, MASK},
    health,
    ids::{AccountId, OauthAppId},
};
use keyway_store::OauthApp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{error::ApiError, oauth_apps},
};

const WHAT: &str = "credential";

/// A credential. Its secrets are masked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
pub(crate) struct Shown {
    id: Uuid,
    /// A name that you gave it.
    name: Option<String>,
    /// Slug of the provider.
    #[schema(example = "linear")]
    provider: String,
    /// Shape of the properties.
    #[schema(example = "linear_oauth2")]
    kind: String,
    oauth_app_id: Uuid,
    /// The app that it was granted to.
    oauth_app: Option<oauth_apps::Shown>,
    /// `kind`, and what the kind has; secrets are masked.
    #[schema(value_type = Object)]
    properties: Map<String, Value>,
    health: Health,
    /// Whose it is on your side.
    end_user: Option<EndUser>,
    /// What you keep with it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// When the access token ends.
    expires_at: Option<DateTime<Utc>>,
    /// First connected.
    created_at: DateTime<Utc>,
    /// Last connected or changed.
    updated_at: DateTime<Utc>,
}

/// Whether a credential works.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
    /// Why; empty while all is well.
    notes: Vec<String>,
    /// Since when.
    time: DateTime<Utc>,
}

/// `warn`: the provider failed for now. `error`: the end user must reconnect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    Ok,
    Warn,
    Error,
}

/// Whom a credential belongs to on your side.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndUser {
    /// Your own id for them.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    #[schema(min_length = 1, max_length = 320)]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

impl Shown {
    fn of(found: Credential, app: Option<&OauthApp>) -> Self {
        let mut properties = Map::new();
        properties.insert("kind".into(), Value::String(found.kind.0.clone()));
        properties.extend(found.public);
        for name in found.secret_names {
            properties.insert(name, Value::String(MASK.to_owned()));
        }
        Self {
            id: found.id.uuid(),
            name: found.name,
            provider: found.provider.to_string(),
            kind: found.kind.0,
            oauth_app_id: found.oauth_app_id.uuid(),
            oauth_app: app.map(oauth_apps::Shown::of),
            properties,
            health: Health::of(found.health),
            end_user: found.end_user.map(EndUser::of),
            metadata: found.metadata,
            expires_at: found.expires_at,
            created_at: found.created_at,
            updated_at: found.updated_at,
        }
    }

    /// The same, with its app looked up.
    async fn read(app: &App, found: Credential) -> Result<Self, ApiError> {
        let client = app
            .store
            .find_oauth_app(found.account_id, found.oauth_app_id)
            .await?;
        Ok(Self::of(found, client.as_ref()))
    }
}

impl Health {
    pub(crate) fn of(health: health::Health) -> Self {
        Self {
            status: match health.status {
                health::HealthStatus::Ok => HealthStatus::Ok,
                health::HealthStatus::Warn => HealthStatus::Warn,
                health::HealthStatus::Error => HealthStatus::Error,
            },
            notes: health.notes,
            time: health.time,
        }
    }
}

impl EndUser {
    fn of(user: credential::EndUser) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
        }
    }
}

/// The apps of a page of credentials, each once.
async fn apps_of(
    app: &App,
    account: AccountId,
    page: &[Credential],
) -> Result<Vec<OauthApp>, ApiError> {
    let mut ids: Vec<OauthAppId> = page.iter().map(|found| found.oauth_app_id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(app.store.find_oauth_apps(account, &ids).await?)
}
