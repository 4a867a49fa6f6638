//! Credentials, as they are listed and shown.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    credential::{Credential, CredentialKind, EndUser, ExternalAccount},
    health::{Health, HealthStatus},
    ids::{AccountId, CredentialId, OauthAppId},
    provider::ProviderSlug,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    column::{object, texts},
    oauth_apps::slug,
    schema::{credentials, grants, oauth_apps},
};

pub(crate) type Columns = (
    (
        credentials::id,
        credentials::account_id,
        credentials::oauth_app_id,
        oauth_apps::name,
        credentials::provider,
        credentials::kind,
        credentials::external_id,
        credentials::name,
        credentials::metadata,
        credentials::end_user_id,
        credentials::end_user_email,
        credentials::end_user_name,
        credentials::revision,
        credentials::health_status,
        credentials::health_notes,
        credentials::health_at,
        credentials::created_at,
        credentials::updated_at,
    ),
    (
        grants::external_label,
        grants::properties,
        grants::secret_names,
        grants::expires_at,
        grants::refresh_expires_at,
        grants::refresh_at,
        grants::refreshed_at,
    ),
);

pub(crate) const COLUMNS: Columns = (
    (
        credentials::id,
        credentials::account_id,
        credentials::oauth_app_id,
        oauth_apps::name,
        credentials::provider,
        credentials::kind,
        credentials::external_id,
        credentials::name,
        credentials::metadata,
        credentials::end_user_id,
        credentials::end_user_email,
        credentials::end_user_name,
        credentials::revision,
        credentials::health_status,
        credentials::health_notes,
        credentials::health_at,
        credentials::created_at,
        credentials::updated_at,
    ),
    (
        grants::external_label,
        grants::properties,
        grants::secret_names,
        grants::expires_at,
        grants::refresh_expires_at,
        grants::refresh_at,
        grants::refreshed_at,
    ),
);

#[derive(Queryable)]
pub(crate) struct CredentialRow {
    id: Uuid,
    account_id: Uuid,
    oauth_app_id: Uuid,
    oauth_app_name: String,
    provider: String,
    kind: String,
    external_id: String,
    name: Option<String>,
    metadata: Value,
    end_user_id: Option<String>,
    end_user_email: Option<String>,
    end_user_name: Option<String>,
    revision: i64,
    health_status: String,
    health_notes: Value,
    health_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Queryable)]
pub(crate) struct GrantRow {
    external_label: Option<String>,
    properties: Value,
    secret_names: Value,
    expires_at: Option<DateTime<Utc>>,
    refresh_expires_at: Option<DateTime<Utc>>,
    refresh_at: Option<DateTime<Utc>>,
    refreshed_at: Option<DateTime<Utc>>,
}

pub(crate) type Row = (CredentialRow, GrantRow);

pub(crate) fn credential((row, grant): Row) -> Result<Credential, StoreError> {
    let end_user = row.end_user_id.map(|id| EndUser {
        id,
        email: row.end_user_email,
        name: row.end_user_name,
    });
    Ok(Credential {
        id: row.id.into(),
        name: row.name,
        metadata: object("credentials", "metadata", row.metadata)?,
        end_user,
        revision: row.revision,
        health: health(&row.health_status, row.health_notes, row.health_at)?,
        refresh_at: grant.refresh_at,
        refreshed_at: grant.refreshed_at,
        account_id: row.account_id.into(),
        oauth_app_id: row.oauth_app_id.into(),
        oauth_app_name: row.oauth_app_name,
        provider: slug("credentials", &row.provider)?,
        kind: CredentialKind(row.kind),
        external: ExternalAccount {
            id: row.external_id,
            label: grant.external_label,
        },
        public: object("grants", "properties", grant.properties)?,
        secret_names: texts("grants", "secret_names", grant.secret_names)?,
        expires_at: grant.expires_at,
        refresh_expires_at: grant.refresh_expires_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// A credential's health, as it is stored.
pub(crate) fn health(
    status: &str,
    notes: Value,
    time: DateTime<Utc>,
) -> Result<Health, StoreError> {
    Ok(Health {
        status: HealthStatus::parse(status).ok_or(StoreError::Corrupt {
            table: "credentials",
            column: "health_status",
        })?,
        notes: texts("credentials", "health_notes", notes)?,
        time,
    })
}

/// Which credentials to list; what is absent matches all.
#[derive(Debug, Clone, Default)]
pub struct CredentialFilter {
    /// Of this provider.
    pub provider: Option<ProviderSlug>,
    /// Of this kind.
    pub kind: Option<CredentialKind>,
    /// Granted to this app.
    pub oauth_app_id: Option<OauthAppId>,
    /// In this state of health.
    pub health: Option<HealthStatus>,
    /// Of this end user, by the client's id for them.
    pub end_user_id: Option<String>,
    /// With metadata that contain these (`@>`).
    pub metadata: Option<Map<String, Value>>,
}

impl Store {
    /// The account's credentials, newest first; `before` goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_credentials(
        &self,
        account: AccountId,
        filter: &CredentialFilter,
        before: Option<CredentialId>,
        limit: i64,
    ) -> Result<Vec<Credential>, StoreError> {
        let mut query = credentials::table
            .inner_join(grants::table)
            .inner_join(oauth_apps::table)
            .filter(credentials::account_id.eq(account.uuid()))
            .order(credentials::id.desc())
            .limit(limit)
            .select(COLUMNS)
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(credentials::id.lt(before.uuid()));
        }
        if let Some(provider) = &filter.provider {
            query = query.filter(credentials::provider.eq(provider.as_str()));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(credentials::kind.eq(&kind.0));
        }
        if let Some(app) = filter.oauth_app_id {
            query = query.filter(credentials::oauth_app_id.eq(app.uuid()));
        }
        if let Some(health) = filter.health {
            query = query.filter(credentials::health_status.eq(health.as_str()));
        }
        if let Some(end_user) = &filter.end_user_id {
            query = query.filter(credentials::end_user_id.eq(end_user));
        }
        if let Some(metadata) = &filter.metadata {
            query = query.filter(credentials::metadata.contains(Value::Object(metadata.clone())));
        }
        let rows: Vec<Row> = query.load(&mut self.read().await?).await?;
        rows.into_iter().map(credential).collect()
    }

    /// A credential of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_credential(
        &self,
        account: AccountId,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        let row = find(&mut *self.read().await?, account, id).await?;
        row.map(credential).transpose()
    }
}

pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    account: AccountId,
    id: CredentialId,
) -> Result<Option<Row>, diesel::result::Error> {
    credentials::table
        .inner_join(grants::table)
        .inner_join(oauth_apps::table)
        .filter(credentials::id.eq(id.uuid()))
        .filter(credentials::account_id.eq(account.uuid()))
        .select(COLUMNS)
        .first(connection)
        .await
        .optional()
}
