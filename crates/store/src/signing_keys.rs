//! What Keyway signs its own tokens with.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{ids::SigningKeyId, sealed::Sealed};
use serde_json::Value;
use uuid::Uuid;

use crate::{Store, StoreError, schema::signing_keys};

/// A key.
#[derive(Debug, Clone)]
pub struct StoredSigningKey {
    /// Its id; the `kid` of what it signs.
    pub id: SigningKeyId,
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// The public half.
    pub public_jwk: Value,
    /// The private half.
    pub sealed_private_key: Sealed,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it signs.
    pub signs_from: DateTime<Utc>,
}

impl Store {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        type Row = (Uuid, String, Value, Vec<u8>, DateTime<Utc>, DateTime<Utc>);
        let rows: Vec<Row> = signing_keys::table
            .order((signing_keys::signs_from, signing_keys::id))
            .select((
                signing_keys::id,
                signing_keys::algorithm,
                signing_keys::public_jwk,
                signing_keys::sealed_private_key,
                signing_keys::created_at,
                signing_keys::signs_from,
            ))
            .load(&mut self.read().await?)
            .await?;
        let of_row =
            |(id, algorithm, public_jwk, sealed, created_at, signs_from): Row| StoredSigningKey {
                id: id.into(),
                algorithm,
                public_jwk,
                sealed_private_key: Sealed::from_bytes(sealed),
                created_at,
                signs_from,
            };
        Ok(rows.into_iter().map(of_row).collect())
    }

    /// Stores keys. With `first`, only those of algorithms that have none yet: gateways that start
    /// at once make one between them. How many were stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_signing_keys(
        &self,
        keys: &[StoredSigningKey],
        first: bool,
    ) -> Result<usize, StoreError> {
        let inserted = self
            .write()
            .await?
            .transaction(async |connection| {
                diesel::sql_query("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
                    .execute(connection)
                    .await?;
                let known: Vec<String> = signing_keys::table
                    .select(signing_keys::algorithm)
                    .load(connection)
                    .await?;
                let rows: Vec<_> = keys
                    .iter()
                    .filter(|key| !(first && known.contains(&key.algorithm)))
                    .map(|key| {
                        (
                            signing_keys::id.eq(key.id.uuid()),
                            signing_keys::algorithm.eq(&key.algorithm),
                            signing_keys::public_jwk.eq(&key.public_jwk),
                            signing_keys::sealed_private_key.eq(key.sealed_private_key.as_bytes()),
                            signing_keys::created_at.eq(key.created_at),
                            signing_keys::signs_from.eq(key.signs_from),
                        )
                    })
                    .collect();
                diesel::insert_into(signing_keys::table)
                    .values(rows)
                    .execute(connection)
                    .await
            })
            .await;
        Ok(inserted?)
    }
}
