//! Authorization requests that client backends push before the browser comes (RFC 9126).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, OauthAppId, PushedRequestId},
    opaque::{Digest, PushedRequestUri},
    sealed::Sealed,
};
use uuid::Uuid;

use crate::{Store, StoreError, schema::pushed_requests};

/// A request to store.
#[derive(Debug, Clone)]
pub struct NewPushedRequest {
    /// Its id.
    pub id: PushedRequestId,
    /// The tenant.
    pub account_id: AccountId,
    /// The app that proved itself.
    pub oauth_app_id: OauthAppId,
    /// What the database knows of its `request_uri`.
    pub digest: Digest<PushedRequestUri>,
    /// What is asked for.
    pub sealed_parameters: Sealed,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A request that was taken, just now and by this caller alone.
#[derive(Debug, Clone)]
pub struct PushedRequest {
    /// Its id.
    pub id: PushedRequestId,
    /// The tenant.
    pub account_id: AccountId,
    /// What is asked for.
    pub sealed_parameters: Sealed,
}

impl Store {
    /// Stores a request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_pushed_request(&self, new: &NewPushedRequest) -> Result<(), StoreError> {
        diesel::insert_into(pushed_requests::table)
            .values((
                pushed_requests::id.eq(new.id.uuid()),
                pushed_requests::account_id.eq(new.account_id.uuid()),
                pushed_requests::oauth_app_id.eq(new.oauth_app_id.uuid()),
                pushed_requests::uri_digest.eq(new.digest.as_bytes()),
                pushed_requests::sealed_parameters.eq(new.sealed_parameters.as_bytes()),
                pushed_requests::created_at.eq(new.created_at),
                pushed_requests::expires_at.eq(new.expires_at),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// Takes the request of this app; `None` if there is none, or it ended, or somebody was faster.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_pushed_request(
        &self,
        digest: Digest<PushedRequestUri>,
        app: OauthAppId,
        now: DateTime<Utc>,
    ) -> Result<Option<PushedRequest>, StoreError> {
        let taken: Option<(Uuid, Uuid, Vec<u8>)> = diesel::delete(pushed_requests::table)
            .filter(pushed_requests::uri_digest.eq(digest.as_bytes()))
            .filter(pushed_requests::oauth_app_id.eq(app.uuid()))
            .filter(pushed_requests::expires_at.gt(now))
            .returning((
                pushed_requests::id,
                pushed_requests::account_id,
                pushed_requests::sealed_parameters,
            ))
            .get_result(&mut self.write().await?)
            .await
            .optional()?;
        Ok(taken.map(|(id, account, sealed)| PushedRequest {
            id: id.into(),
            account_id: account.into(),
            sealed_parameters: Sealed::from_bytes(sealed),
        }))
    }

    /// Erases requests that nobody took; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_pushed_requests(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let swept = diesel::delete(pushed_requests::table)
            .filter(pushed_requests::expires_at.lt(now))
            .execute(&mut self.write().await?)
            .await?;
        Ok(swept)
    }
}
