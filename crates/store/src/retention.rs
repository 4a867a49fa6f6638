//! What has been kept for long enough: events, remembered answers, secrets before a rotation.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    idempotency_keys::KEPT,
    schema::webhook_endpoints,
    statement::{Bind, Statement, statement},
};

/// How long events are kept.
const EVENTS: TimeDelta = TimeDelta::days(30);

/// How much was erased; zero everywhere means that nothing is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outlived {
    /// Events, and with them their deliveries.
    pub events: usize,
    /// Remembered answers.
    pub idempotency_keys: usize,
    /// Secrets of webhook endpoints that were replaced, and overlap no longer.
    pub webhook_secrets: usize,
}

struct DeleteOldEvents;

impl Statement for DeleteOldEvents {
    // What still waits for an endpoint stays, unless that one is switched off: nobody knows for how
    // long.
    const SQL: &'static str = "
        DELETE FROM events e
        USING (SELECT id FROM events old
               WHERE created_at < ?1
                 AND NOT EXISTS (SELECT FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
                                 WHERE d.event_id = old.id AND d.state = 'pending' AND w.disabled_at IS NULL)
               ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE e.id = due.id
        RETURNING e.id";
    type Row = sql_types::Uuid;
}

struct DeleteOldKeys;

impl Statement for DeleteOldKeys {
    const SQL: &'static str = "
        DELETE FROM idempotency_keys k
        USING (SELECT id FROM idempotency_keys
               WHERE created_at < ?1
               ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE k.id = due.id
        RETURNING k.id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Erases one batch of each kind of what has been kept for long enough.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_outlived(&self, now: DateTime<Utc>) -> Result<Outlived, StoreError> {
        let mut connection = self.write().await?;
        let events: Vec<Uuid> = statement::<DeleteOldEvents>(vec![Bind::Time(now - EVENTS)])
            .load(&mut connection)
            .await?;
        let keys: Vec<Uuid> = statement::<DeleteOldKeys>(vec![Bind::Time(now - KEPT)])
            .load(&mut connection)
            .await?;
        let webhook_secrets = diesel::update(
            webhook_endpoints::table.filter(webhook_endpoints::previous_secret_expires_at.le(now)),
        )
        .set((
            webhook_endpoints::sealed_previous_secret.eq(None::<Vec<u8>>),
            webhook_endpoints::previous_secret_expires_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(&mut connection)
        .await?;
        Ok(Outlived {
            events: events.len(),
            idempotency_keys: keys.len(),
            webhook_secrets,
        })
    }
}
