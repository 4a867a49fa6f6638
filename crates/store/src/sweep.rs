//! What time makes obsolete, in batches that several gateways can share.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    schema::{console_sessions, jobs, setup_links, start_links},
    statement::{Bind, Statement, statement},
};

/// How long the flow log reaches back.
const FLOW_LOG: TimeDelta = TimeDelta::days(30);
/// How long it is known what became of a wish of an admin.
const JOBS: TimeDelta = TimeDelta::days(30);
/// How long link sessions can be looked up after they ended.
const LINK_SESSIONS: TimeDelta = TimeDelta::days(7);
/// After its code expired, a grant is left alone for as long as a redemption might still run.
pub(crate) const GRACE: TimeDelta = TimeDelta::seconds(15);

/// How much a sweep erased; zero everywhere means that nothing is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Flows whose secrets were erased because they ended without a callback.
    pub session_secrets: usize,
    /// Entries of the flow log that are older than 30 days.
    pub flows: usize,
    /// Console sessions, set-up links and start links that ended, link sessions a week later, removed
    /// apps, and jobs that are older than 30 days.
    pub others: usize,
}

struct EraseSessionSecrets;

impl Statement for EraseSessionSecrets {
    const SQL: &'static str = "
        UPDATE authorization_sessions s
        SET sealed_secrets = NULL, sealed_response = NULL, sealed_choice = NULL
        FROM (SELECT id FROM authorization_sessions
              WHERE sealed_secrets IS NOT NULL AND expires_at < ?1
              ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE s.id = due.id
        RETURNING s.id";
    type Row = sql_types::Uuid;
}

struct DeleteOldFlows;

impl Statement for DeleteOldFlows {
    // Ids begin with the time at which they were made, so the primary key is the index.
    // The code goes with its flow, and is the only way to a grant that nobody redeemed: that one
    // must be taken first, or it would stay for ever and never be revoked.
    const SQL: &'static str = "
        DELETE FROM authorization_sessions s
        USING (SELECT id FROM authorization_sessions old
               WHERE id < ?1
                 AND NOT EXISTS (SELECT FROM authorization_codes c
                                 WHERE c.session_id = old.id AND c.redeemed_at IS NULL AND c.grant_id IS NOT NULL)
               ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE s.id = due.id
        RETURNING s.id";
    type Row = sql_types::Uuid;
}

struct DeleteOldLinkSessions;

impl Statement for DeleteOldLinkSessions {
    const SQL: &'static str = "
        DELETE FROM link_sessions l
        USING (SELECT id FROM link_sessions WHERE expires_at < ?1
               ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE l.id = due.id
        RETURNING l.id";
    type Row = sql_types::Uuid;
}

struct EndUnredeemed;

impl Statement for EndUnredeemed {
    // The code lets go of its grant, so that it is found once.
    const SQL: &'static str = "
        WITH due AS (
            SELECT c.id, c.grant_id FROM authorization_codes c
            WHERE c.redeemed_at IS NULL AND c.grant_id IS NOT NULL AND c.expires_at < ?1
            ORDER BY c.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
        ), released AS (
            UPDATE authorization_codes c SET grant_id = NULL FROM due WHERE c.id = due.id
        )
        UPDATE grants g
        SET revoke_at = ?2, ended_reason = 'unredeemed', refresh_at = NULL
        FROM due
        WHERE g.id = due.grant_id
        RETURNING g.id";
    type Row = sql_types::Uuid;
}

struct DropRemovedApps;

impl Statement for DropRemovedApps {
    // Apps go with their last grant; two that go at the same moment may each have seen the other.
    const SQL: &'static str = "
        DELETE FROM oauth_apps a
        WHERE a.removed_at IS NOT NULL AND NOT EXISTS (SELECT FROM grants g WHERE g.oauth_app_id = a.id)
        RETURNING a.id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Erases one batch of each kind of what has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<Erased, StoreError> {
        let mut connection = self.write().await?;
        let secrets: Vec<Uuid> = statement::<EraseSessionSecrets>(vec![Bind::Time(now)])
            .load(&mut connection)
            .await?;
        let flows: Vec<Uuid> =
            statement::<DeleteOldFlows>(vec![Bind::Uuid(first_id_at(now - FLOW_LOG))])
                .load(&mut connection)
                .await?;
        let sessions =
            diesel::delete(console_sessions::table.filter(console_sessions::expires_at.lt(now)))
                .execute(&mut connection)
                .await?;
        let setups = diesel::delete(setup_links::table.filter(setup_links::expires_at.lt(now)))
            .execute(&mut connection)
            .await?;
        let starts = diesel::delete(start_links::table.filter(start_links::expires_at.lt(now)))
            .execute(&mut connection)
            .await?;
        let apps: Vec<Uuid> = statement::<DropRemovedApps>(vec![])
            .load(&mut connection)
            .await?;
        let jobs = diesel::delete(jobs::table)
            .filter(jobs::id.lt(first_id_at(now - JOBS)))
            .filter(jobs::finished_at.is_not_null())
            .execute(&mut connection)
            .await?;
        let links: Vec<Uuid> =
            statement::<DeleteOldLinkSessions>(vec![Bind::Time(now - LINK_SESSIONS)])
                .load(&mut connection)
                .await?;
        Ok(Erased {
            session_secrets: secrets.len(),
            flows: flows.len(),
            others: sessions + setups + starts + links.len() + apps.len() + jobs,
        })
    }

    /// Has one batch of grants revoked whose code nobody redeemed; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_unredeemed_grants(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let ended: Vec<Uuid> =
            statement::<EndUnredeemed>(vec![Bind::Time(now - GRACE), Bind::Time(now)])
                .load(&mut self.write().await?)
                .await?;
        Ok(ended.len())
    }
}

/// The smallest version 7 UUID of a moment.
pub(crate) fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}
