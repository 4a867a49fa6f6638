//! Which keys sealed what lies in this database.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use crate::{Store, StoreError, schema::vault_keys};

/// A key, by name and by what can be known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFingerprint {
    /// Its id.
    pub key: String,
    /// Derived one-way from it.
    pub fingerprint: Vec<u8>,
}

impl Store {
    /// Registers the keys that are new and returns all that are on record. Whoever starts with a
    /// key ring compares: a key on record that the ring lacks, or has otherwise, is the wrong ring.
    ///
    /// The first ring to come to an empty database is the right one. Later keys are added only
    /// beside a known one, so a wrong ring cannot make itself at home.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn register_vault_keys(
        &self,
        keys: &[KeyFingerprint],
        now: DateTime<Utc>,
    ) -> Result<Vec<KeyFingerprint>, StoreError> {
        let on_record = self.list_vault_keys().await?;
        if !has_news(keys, &on_record) {
            return Ok(on_record);
        }
        let registered = self
            .write()
            .await?
            .transaction(async |connection| {
                // Two rings that come at once: the second must see what the first left, or both
                // would be on record in part and neither would be the right one.
                diesel::sql_query("LOCK TABLE vault_keys IN SHARE ROW EXCLUSIVE MODE")
                    .execute(connection)
                    .await?;
                if has_news(keys, &list(connection).await?) {
                    insert(connection, keys, now).await?;
                }
                list(connection).await
            })
            .await;
        Ok(registered?)
    }

    /// The keys on record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_vault_keys(&self) -> Result<Vec<KeyFingerprint>, StoreError> {
        Ok(list(&mut *self.write().await?).await?)
    }
}

/// Whether the ring has all that is on record, and more.
fn has_news(ring: &[KeyFingerprint], on_record: &[KeyFingerprint]) -> bool {
    on_record.iter().all(|known| ring.contains(known)) && ring.len() > on_record.len()
}

async fn list(
    connection: &mut AsyncPgConnection,
) -> Result<Vec<KeyFingerprint>, diesel::result::Error> {
    let rows: Vec<(String, Vec<u8>)> = vault_keys::table
        .order(vault_keys::key)
        .select((vault_keys::key, vault_keys::fingerprint))
        .load(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(key, fingerprint)| KeyFingerprint { key, fingerprint })
        .collect())
}

async fn insert(
    connection: &mut AsyncPgConnection,
    keys: &[KeyFingerprint],
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            (
                vault_keys::key.eq(&key.key),
                vault_keys::fingerprint.eq(&key.fingerprint),
                vault_keys::created_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(vault_keys::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}
