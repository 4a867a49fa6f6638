//! The audit log.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use keyway_domain::{Random, audit::AuditEvent, ids::AuditEventId};

use crate::{Store, StoreError, schema::audit_events};

impl Store {
    /// Writes an entry that stands alone; use cases write theirs in their own transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_audit_event(
        &self,
        event: &AuditEvent,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        Ok(insert(&mut *self.write().await?, self.random.as_ref(), event, now).await?)
    }

    /// The actions on record for an account, newest first: for tests and for the console's log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_audit_actions(
        &self,
        account: keyway_domain::ids::AccountId,
        limit: i64,
    ) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        Ok(audit_events::table
            .filter(audit_events::account_id.eq(account.uuid()))
            .order(audit_events::id.desc())
            .limit(limit)
            .select((audit_events::action, audit_events::detail))
            .load(&mut self.read().await?)
            .await?)
    }
}

pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    random: &dyn Random,
    event: &AuditEvent,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::id.eq(AuditEventId::generate(now, random).uuid()),
            audit_events::account_id.eq(event.account_id.map(keyway_domain::ids::AccountId::uuid)),
            audit_events::actor_kind.eq(event.actor.kind()),
            audit_events::actor_id.eq(event.actor.id()),
            audit_events::action.eq(event.action),
            audit_events::subject_id.eq(event.subject),
            audit_events::detail.eq(&event.detail),
            audit_events::created_at.eq(now),
        ))
        .execute(connection)
        .await?;
    Ok(())
}
