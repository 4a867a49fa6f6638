//! Changes of what a client keeps with a credential.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    credential::Credential,
    event::{EventKind, NewEvent},
    ids::{AccountId, CredentialId},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    credentials::{credential, find},
    events,
    schema::credentials,
};

/// What can be changed of a credential. Its tokens change by another import or authorization.
#[derive(Debug, Clone, Default)]
pub struct CredentialChange {
    /// A new name; `Some(None)` takes it away.
    pub name: Option<Option<String>>,
    /// New metadata, in place of what was there.
    pub metadata: Option<Map<String, Value>>,
    /// The revision that must be there; none takes any.
    pub revision: Option<i64>,
}

type Changed = (Uuid, String, String, String);

impl Store {
    /// Changes a credential, and answers what it is now; none if the account has no such, or its
    /// revision is another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_credential(
        &self,
        account: AccountId,
        id: CredentialId,
        change: &CredentialChange,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Option<Credential>, StoreError> {
        let random = self.random.as_ref();
        let audited = AuditEvent {
            account_id: Some(account),
            actor,
            action: "credential.updated",
            subject: Some(id.uuid()),
            detail: json!({"name": change.name.is_some(), "metadata": change.metadata.is_some()}),
        };
        let found = self
            .write()
            .await?
            .transaction(async |connection| {
                let changed: Option<Changed> = diesel::update(credentials::table)
                    .filter(credentials::id.eq(id.uuid()))
                    .filter(credentials::account_id.eq(account.uuid()))
                    .filter(
                        change
                            .revision
                            .is_none()
                            .into_sql::<Bool>()
                            .or(credentials::revision.eq(change.revision.unwrap_or_default())),
                    )
                    .set((
                        change.name.as_ref().map(|name| credentials::name.eq(name)),
                        change.metadata.as_ref().map(|metadata| {
                            credentials::metadata.eq(Value::Object(metadata.clone()))
                        }),
                        credentials::revision.eq(credentials::revision + 1),
                        credentials::updated_at.eq(now),
                    ))
                    .returning((
                        credentials::oauth_app_id,
                        credentials::provider,
                        credentials::kind,
                        credentials::external_id,
                    ))
                    .get_result(connection)
                    .await
                    .optional()?;
                let Some((app, provider, kind, external)) = changed else {
                    return Ok(None);
                };
                let told = NewEvent {
                    account_id: account,
                    kind: EventKind::CREDENTIAL_UPDATED,
                    credential_id: Some(id),
                    oauth_app_id: Some(app.into()),
                    data: json!({"provider": provider, "kind": kind, "external_id": external}),
                };
                events::insert(connection, random, &told, now).await?;
                audit_events::insert(connection, random, &audited, now).await?;
                find(connection, account, id).await
            })
            .await?;
        found.map(credential).transpose()
    }
}
