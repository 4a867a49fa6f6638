//! Browsers in which an admin is signed in.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    account::{Account, Admin},
    ids::{AdminId, ConsoleSessionId},
    opaque::{ConsoleSessionToken, Digest},
};

use crate::{
    Store, StoreError,
    accounts::Row as AccountRow,
    schema::{accounts, admins, console_sessions},
};

impl Store {
    /// Stores a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_console_session(
        &self,
        id: ConsoleSessionId,
        admin: AdminId,
        digest: Digest<ConsoleSessionToken>,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        diesel::insert_into(console_sessions::table)
            .values((
                console_sessions::id.eq(id.uuid()),
                console_sessions::admin_id.eq(admin.uuid()),
                console_sessions::token_digest.eq(digest.as_bytes()),
                console_sessions::created_at.eq(now),
                console_sessions::last_seen_at.eq(now),
                console_sessions::expires_at.eq(expires_at),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// The admin of an open session: not past its end, and not idle for longer than `idle`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find_console_session(
        &self,
        digest: Digest<ConsoleSessionToken>,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<Admin>, StoreError> {
        let open = console_sessions::table
            .inner_join(admins::table.inner_join(accounts::table))
            .filter(console_sessions::token_digest.eq(digest.as_bytes()))
            .filter(console_sessions::expires_at.gt(now))
            .filter(console_sessions::last_seen_at.gt(now - idle))
            .select((
                console_sessions::last_seen_at,
                admins::id,
                admins::email,
                AccountRow::as_select(),
            ));
        let found: Option<(DateTime<Utc>, uuid::Uuid, String, AccountRow)> =
            open.first(&mut self.read().await?).await.optional()?;
        let Some((last_seen_at, id, email, account)) = found else {
            return Ok(None);
        };
        // Once a minute is exact enough, and spares a write per page.
        if last_seen_at < now - TimeDelta::minutes(1) {
            diesel::update(console_sessions::table)
                .filter(console_sessions::token_digest.eq(digest.as_bytes()))
                .set(console_sessions::last_seen_at.eq(now))
                .execute(&mut self.write().await?)
                .await?;
        }
        Ok(Some(Admin {
            id: id.into(),
            account: Account::from(account),
            email,
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_console_session(
        &self,
        digest: Digest<ConsoleSessionToken>,
    ) -> Result<(), StoreError> {
        diesel::delete(console_sessions::table)
            .filter(console_sessions::token_digest.eq(digest.as_bytes()))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }
}
