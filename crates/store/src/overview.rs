//! What an account has, in numbers.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::ids::AccountId;

use crate::{
    Store, StoreError,
    statement::{Bind, Statement, statement},
    sweep::first_id_at,
};

/// An account in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Overview {
    /// OAuth apps.
    pub oauth_apps: i64,
    /// Redirect URIs.
    pub redirect_uris: i64,
    /// Credentials.
    pub credentials: i64,
    /// Flows since the given moment that made or renewed a credential.
    pub connected: i64,
    /// Flows since the given moment that failed.
    pub failed: i64,
}

struct CountRooms;

impl Statement for CountRooms {
    // Ids begin with the time at which they were made, so `(account_id, id)` is the index.
    const SQL: &'static str = "
        SELECT (SELECT count(*) FROM oauth_apps WHERE account_id = ?1 AND removed_at IS NULL),
               (SELECT count(*) FROM redirect_uris WHERE account_id = ?1),
               (SELECT count(*) FROM credentials WHERE account_id = ?1),
               (SELECT count(*) FROM authorization_sessions s LEFT JOIN authorization_codes c ON c.session_id = s.id
                WHERE s.account_id = ?1 AND s.id >= ?2
                  AND (c.redeemed_at IS NOT NULL OR (s.completed_at IS NOT NULL AND s.redirect_uri IS NULL))),
               (SELECT count(*) FROM authorization_sessions
                WHERE account_id = ?1 AND id >= ?2 AND failed_at IS NOT NULL)";
    type Row = (
        sql_types::BigInt,
        sql_types::BigInt,
        sql_types::BigInt,
        sql_types::BigInt,
        sql_types::BigInt,
    );
}

impl Store {
    /// The account in numbers; flows are counted from `since` on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_overview(
        &self,
        account: AccountId,
        since: DateTime<Utc>,
    ) -> Result<Overview, StoreError> {
        Ok(statement::<CountRooms>(vec![
            Bind::Uuid(account.uuid()),
            Bind::Uuid(first_id_at(since)),
        ])
        .get_result(&mut self.read().await?)
        .await?)
    }
}
