//! Credentials, as they are listed and shown.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    credential::{Credential, CredentialKind, ExternalAccount},
    ids::{AccountId, CredentialId},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_codes::object,
    oauth_apps::slug,
    schema::{credentials, grants, oauth_apps},
};

type Columns = (
    credentials::id,
    credentials::account_id,
    credentials::oauth_app_id,
    oauth_apps::name,
    credentials::provider,
    credentials::kind,
    credentials::external_id,
    grants::external_label,
    grants::properties,
    grants::secret_names,
    grants::expires_at,
    grants::refresh_expires_at,
    credentials::created_at,
    credentials::updated_at,
);

const COLUMNS: Columns = (
    credentials::id,
    credentials::account_id,
    credentials::oauth_app_id,
    oauth_apps::name,
    credentials::provider,
    credentials::kind,
    credentials::external_id,
    grants::external_label,
    grants::properties,
    grants::secret_names,
    grants::expires_at,
    grants::refresh_expires_at,
    credentials::created_at,
    credentials::updated_at,
);

#[derive(Queryable)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    oauth_app_id: Uuid,
    oauth_app_name: String,
    provider: String,
    kind: String,
    external_id: String,
    external_label: Option<String>,
    properties: Value,
    secret_names: Value,
    expires_at: Option<DateTime<Utc>>,
    refresh_expires_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Credential {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            account_id: row.account_id.into(),
            oauth_app_id: row.oauth_app_id.into(),
            oauth_app_name: row.oauth_app_name,
            provider: slug("credentials", &row.provider)?,
            kind: CredentialKind(row.kind),
            external: ExternalAccount {
                id: row.external_id,
                label: row.external_label,
            },
            public: object(row.properties)?,
            secret_names: serde_json::from_value(row.secret_names).map_err(|_| {
                StoreError::Corrupt {
                    table: "grants",
                    column: "secret_names",
                }
            })?,
            expires_at: row.expires_at,
            refresh_expires_at: row.refresh_expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Store {
    /// The account's credentials, newest first; `before` goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_credentials(
        &self,
        account: AccountId,
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
        let rows: Vec<Row> = query.load(&mut self.read().await?).await?;
        rows.into_iter().map(Credential::try_from).collect()
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
        let row: Option<Row> = credentials::table
            .inner_join(grants::table)
            .inner_join(oauth_apps::table)
            .filter(credentials::id.eq(id.uuid()))
            .filter(credentials::account_id.eq(account.uuid()))
            .select(COLUMNS)
            .first(&mut self.read().await?)
            .await
            .optional()?;
        row.map(Credential::try_from).transpose()
    }
}
