//! The accounts' clients at providers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    client_settings::ClientSettings,
    event::{EventKind, NewEvent},
    ids::{AccountId, OauthAppId},
    provider::ProviderSlug,
    scope::Scopes,
    sealed::Sealed,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    authorization_sessions::{json as variables_json, variables},
    column::object,
    events, provider_definitions,
    refresh_retry::retry_at_once,
    schema::oauth_apps,
};

/// An app to store.
#[derive(Debug, Clone)]
pub struct NewOauthApp {
    /// Its id: the `client_id` of every Keyway URL.
    pub id: OauthAppId,
    /// The tenant.
    pub account_id: AccountId,
    /// The provider.
    pub provider: ProviderSlug,
    /// Name for people.
    pub name: String,
    /// The provider's client id.
    pub client_id: String,
    /// The provider's client secret.
    pub sealed_client_secret: Sealed,
    /// Scopes to ask for; none means the catalogue's default.
    pub scopes: Option<Scopes>,
    /// The provider's variables that the admin sets.
    pub variables: BTreeMap<String, String>,
    /// What the client keeps with it.
    pub metadata: Map<String, Value>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// An app.
#[derive(Debug, Clone)]
pub struct OauthApp {
    /// Its id.
    pub id: OauthAppId,
    /// The tenant.
    pub account_id: AccountId,
    /// The provider.
    pub provider: ProviderSlug,
    /// Name for people.
    pub name: String,
    /// The provider's client id.
    pub client_id: String,
    /// The provider's client secret.
    pub sealed_client_secret: Sealed,
    /// Scopes to ask for; none means the catalogue's default.
    pub scopes: Option<Scopes>,
    /// The provider's variables that the admin sets.
    pub variables: BTreeMap<String, String>,
    /// What the client keeps with it.
    pub metadata: Map<String, Value>,
    /// How its client backend proves itself at the OAuth endpoints, and what it gets there.
    pub settings: ClientSettings,
    /// Counts the changes.
    pub revision: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What can be changed of an app. Provider and client id cannot: credentials hang on them.
#[derive(Debug, Clone, Default)]
pub struct OauthAppChange {
    /// A new name.
    pub name: Option<String>,
    /// A new secret.
    pub sealed_client_secret: Option<Sealed>,
    /// New scopes; `Some(None)` returns to the catalogue's default.
    pub scopes: Option<Option<Scopes>>,
    /// New metadata, in place of what was there.
    pub metadata: Option<Map<String, Value>>,
    /// New settings, in place of what was there.
    pub settings: Option<ClientSettings>,
    /// The revision that must be there; none takes any.
    pub revision: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = oauth_apps, check_for_backend(diesel::pg::Pg))]
pub(crate) struct Row {
    id: Uuid,
    account_id: Uuid,
    provider: String,
    name: String,
    client_id: String,
    sealed_client_secret: Vec<u8>,
    scope: Option<String>,
    variables: Value,
    metadata: Value,
    settings: Value,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for OauthApp {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            account_id: row.account_id.into(),
            provider: slug("oauth_apps", &row.provider)?,
            name: row.name,
            client_id: row.client_id,
            sealed_client_secret: Sealed::from_bytes(row.sealed_client_secret),
            scopes: row
                .scope
                .as_deref()
                .map(|text| scopes("oauth_apps", text))
                .transpose()?,
            variables: variables(row.variables)?,
            metadata: object("oauth_apps", "metadata", row.metadata)?,
            settings: settings(row.settings)?,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Store {
    /// Registers an app.
    ///
    /// # Errors
    /// [`crate::Conflict::Exists`] if the account has registered this client id of this provider.
    pub async fn insert_oauth_app(
        &self,
        new: &NewOauthApp,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let random = self.random.as_ref();
        let event = event(
            new.account_id,
            actor,
            "oauth_app.created",
            new.id,
            json!({"provider": new.provider.as_str(), "name": new.name}),
        );
        let told = NewEvent {
            account_id: new.account_id,
            kind: EventKind::OAUTH_APP_CREATED,
            credential_id: None,
            oauth_app_id: Some(new.id),
            data: json!({"provider": new.provider.as_str(), "name": new.name}),
        };
        self.write()
            .await?
            .transaction(async |connection| {
                provider_definitions::hold(connection, new.account_id, &new.provider).await?;
                diesel::insert_into(oauth_apps::table)
                    .values((
                        oauth_apps::id.eq(new.id.uuid()),
                        oauth_apps::account_id.eq(new.account_id.uuid()),
                        oauth_apps::provider.eq(new.provider.as_str()),
                        oauth_apps::name.eq(&new.name),
                        oauth_apps::client_id.eq(&new.client_id),
                        oauth_apps::sealed_client_secret.eq(new.sealed_client_secret.as_bytes()),
                        oauth_apps::scope.eq(new.scopes.as_ref().map(ToString::to_string)),
                        oauth_apps::variables.eq(variables_json(&new.variables)),
                        oauth_apps::metadata.eq(Value::Object(new.metadata.clone())),
                        oauth_apps::created_at.eq(new.created_at),
                        oauth_apps::updated_at.eq(new.created_at),
                    ))
                    .execute(connection)
                    .await?;
                events::insert(connection, random, &told, new.created_at).await?;
                audit_events::insert(connection, random, &event, new.created_at).await
            })
            .await?;
        Ok(())
    }

    /// An app by id alone: for client authentication, which then proves who asks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_oauth_app_of_client(
        &self,
        id: OauthAppId,
    ) -> Result<Option<OauthApp>, StoreError> {
        let row = oauth_apps::table
            .filter(oauth_apps::id.eq(id.uuid()))
            .filter(oauth_apps::removed_at.is_null())
            .select(Row::as_select())
            .first(&mut self.read().await?)
            .await
            .optional()?;
        row.map(OauthApp::try_from).transpose()
    }

    /// An app of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_oauth_app(
        &self,
        account: AccountId,
        id: OauthAppId,
    ) -> Result<Option<OauthApp>, StoreError> {
        let app = self.find_oauth_app_of_client(id).await?;
        Ok(app.filter(|app| app.account_id == account))
    }

    /// The account's apps, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_oauth_apps(&self, account: AccountId) -> Result<Vec<OauthApp>, StoreError> {
        let rows = oauth_apps::table
            .filter(oauth_apps::account_id.eq(account.uuid()))
            .filter(oauth_apps::removed_at.is_null())
            .order(oauth_apps::id)
            .select(Row::as_select())
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(OauthApp::try_from).collect()
    }

    /// Changes an app, and answers what it is now; none if the account has no such, or its revision
    /// is another. With another client secret, refreshes that failed are tried again at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_oauth_app(
        &self,
        account: AccountId,
        id: OauthAppId,
        change: &OauthAppChange,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Option<OauthApp>, StoreError> {
        let random = self.random.as_ref();
        let action = if change.sealed_client_secret.is_some() {
            "oauth_app.secret_replaced"
        } else {
            "oauth_app.updated"
        };
        let event = event(account, actor, action, id, json!({"name": change.name}));
        let told = NewEvent {
            account_id: account,
            kind: EventKind::OAUTH_APP_UPDATED,
            credential_id: None,
            oauth_app_id: Some(id),
            data: json!({}),
        };
        let changed =
            self.write()
                .await?
                .transaction(async |connection| {
                    let changed: Option<Row> = diesel::update(oauth_apps::table)
                        .filter(oauth_apps::id.eq(id.uuid()))
                        .filter(oauth_apps::account_id.eq(account.uuid()))
                        .filter(oauth_apps::removed_at.is_null())
                        .filter(
                            change
                                .revision
                                .is_none()
                                .into_sql::<Bool>()
                                .or(oauth_apps::revision.eq(change.revision.unwrap_or_default())),
                        )
                        .set((
                            change.name.as_ref().map(|name| oauth_apps::name.eq(name)),
                            change.sealed_client_secret.as_ref().map(|sealed| {
                                oauth_apps::sealed_client_secret.eq(sealed.as_bytes())
                            }),
                            change.scopes.as_ref().map(|scopes| {
                                oauth_apps::scope.eq(scopes.as_ref().map(ToString::to_string))
                            }),
                            change.metadata.as_ref().map(|metadata| {
                                oauth_apps::metadata.eq(Value::Object(metadata.clone()))
                            }),
                            change
                                .settings
                                .as_ref()
                                .map(|settings| oauth_apps::settings.eq(json!(settings))),
                            oauth_apps::revision.eq(oauth_apps::revision + 1),
                            oauth_apps::updated_at.eq(now),
                        ))
                        .returning(Row::as_returning())
                        .get_result(connection)
                        .await
                        .optional()?;
                    if changed.is_some() {
                        if change.sealed_client_secret.is_some() {
                            retry_at_once(connection, id, now).await?;
                        }
                        events::insert(connection, random, &told, now).await?;
                        audit_events::insert(connection, random, &event, now).await?;
                    }
                    Ok::<_, diesel::result::Error>(changed)
                })
                .await?;
        changed.map(OauthApp::try_from).transpose()
    }
}

fn event(
    account: AccountId,
    actor: Actor,
    action: &'static str,
    app: OauthAppId,
    detail: Value,
) -> AuditEvent {
    AuditEvent {
        account_id: Some(account),
        actor,
        action,
        subject: Some(app.uuid()),
        detail,
    }
}

pub(crate) fn slug(table: &'static str, text: &str) -> Result<ProviderSlug, StoreError> {
    ProviderSlug::parse(text).map_err(|_| StoreError::Corrupt {
        table,
        column: "provider",
    })
}

pub(crate) fn settings(value: Value) -> Result<ClientSettings, StoreError> {
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt {
        table: "oauth_apps",
        column: "settings",
    })
}

pub(crate) fn scopes(table: &'static str, text: &str) -> Result<Scopes, StoreError> {
    Scopes::parse(text).map_err(|_| StoreError::Corrupt {
        table,
        column: "scope",
    })
}
