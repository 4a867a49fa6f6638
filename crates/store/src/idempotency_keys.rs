//! Remembered answers to POST requests that bring an `Idempotency-Key`.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, IdempotencyKeyId},
    opaque::{Digest, RequestText},
    sealed::Sealed,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    schema::idempotency_keys,
    statement::{Bind, Statement, statement},
};

/// How long an answer is remembered.
pub(crate) const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a request may be under way before a repeated one takes its place.
const LEASE: TimeDelta = TimeDelta::minutes(1);

/// A key, as a request brings it.
#[derive(Debug, Clone)]
pub struct NewIdempotencyKey<'a> {
    /// A fresh id.
    pub id: IdempotencyKeyId,
    /// The tenant.
    pub account_id: AccountId,
    /// The client's key.
    pub key: &'a str,
    /// Of the request.
    pub digest: Digest<RequestText>,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// What is to be done with a request that brings a key.
#[derive(Debug, Clone)]
pub enum Begun {
    /// It is the first: do it, and remember the answer under this id.
    First(IdempotencyKeyId),
    /// It was done: this is the answer.
    Done {
        /// What the seal is bound to.
        id: IdempotencyKeyId,
        /// HTTP status.
        status: u16,
        /// The body.
        sealed_response: Sealed,
    },
    /// The first is still under way.
    UnderWay,
    /// The key came with another request before.
    Mismatch,
}

struct BeginIdempotent;

impl Statement for BeginIdempotent {
    // The unique key is the guard: of requests that come at once one inserts. A row that is too old,
    // or whose request died, is taken over.
    const SQL: &'static str = "
        INSERT INTO idempotency_keys AS known (id, account_id, key, request_digest, created_at, leased_until)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (account_id, key) DO UPDATE
        SET id = excluded.id, request_digest = excluded.request_digest, created_at = excluded.created_at,
            leased_until = excluded.leased_until, response_status = NULL, sealed_response = NULL
        WHERE known.created_at <= ?7
           OR (known.response_status IS NULL AND known.leased_until <= ?5 AND known.request_digest = excluded.request_digest)
        RETURNING id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Claims a key for the one request that does the work.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_idempotent(&self, new: &NewIdempotencyKey<'_>) -> Result<Begun, StoreError> {
        type Known = (Uuid, Vec<u8>, Option<i32>, Option<Vec<u8>>);
        let mut connection = self.write().await?;
        let won: Option<Uuid> = statement::<BeginIdempotent>(vec![
            Bind::Uuid(new.id.uuid()),
            Bind::Uuid(new.account_id.uuid()),
            Bind::Text(new.key.to_owned()),
            Bind::Bytes(new.digest.as_bytes().to_vec()),
            Bind::Time(new.created_at),
            Bind::Time(new.created_at + LEASE),
            Bind::Time(new.created_at - KEPT),
        ])
        .get_result(&mut connection)
        .await
        .optional()?;
        if let Some(id) = won {
            return Ok(Begun::First(id.into()));
        }
        let known: Option<Known> = idempotency_keys::table
            .filter(idempotency_keys::account_id.eq(new.account_id.uuid()))
            .filter(idempotency_keys::key.eq(new.key))
            .select((
                idempotency_keys::id,
                idempotency_keys::request_digest,
                idempotency_keys::response_status,
                idempotency_keys::sealed_response,
            ))
            .first(&mut connection)
            .await
            .optional()?;
        Ok(match known {
            Some((_, digest, ..)) if digest != new.digest.as_bytes() => Begun::Mismatch,
            Some((id, _, Some(status), Some(sealed))) => Begun::Done {
                id: id.into(),
                status: u16::try_from(status).unwrap_or(500),
                sealed_response: Sealed::from_bytes(sealed),
            },
            _ => Begun::UnderWay,
        })
    }

    /// Remembers the answer of the request that claimed the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_idempotent(
        &self,
        id: IdempotencyKeyId,
        status: u16,
        response: &Sealed,
    ) -> Result<(), StoreError> {
        diesel::update(idempotency_keys::table.find(id.uuid()))
            .set((
                idempotency_keys::response_status.eq(i32::from(status)),
                idempotency_keys::sealed_response.eq(response.as_bytes()),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// Frees the key of a request that did nothing: the next one may try.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_idempotent(&self, id: IdempotencyKeyId) -> Result<(), StoreError> {
        diesel::delete(idempotency_keys::table.find(id.uuid()))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }
}
