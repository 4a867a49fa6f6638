//! What is taken once: assertions of clients (RFC 7523) and DPoP proofs (RFC 9449). In the database,
//! since two gateways must not take it twice.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::opaque::{Digest, ProofId};

use crate::{Store, StoreError, schema::seen_proofs};

impl Store {
    /// Takes a proof: `true` for one caller alone, until it would be too old anyway.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_proof(
        &self,
        proof: Digest<ProofId>,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let taken = diesel::insert_into(seen_proofs::table)
            .values((
                seen_proofs::digest.eq(proof.as_bytes()),
                seen_proofs::expires_at.eq(expires_at),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.write().await?)
            .await?;
        Ok(taken == 1)
    }

    /// Forgets proofs that are too old to be taken; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_proofs(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let swept = diesel::delete(seen_proofs::table)
            .filter(seen_proofs::expires_at.lt(now))
            .execute(&mut self.write().await?)
            .await?;
        Ok(swept)
    }
}
