//! Jobs: what admins ask of credentials in the console. Any gateway takes them; who dies with one
//! leaves it to the next.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, AdminId, CredentialId, JobId, LeaseId},
    job::{JobKind, JobOutcome},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Channel, Store, StoreError, audit_events,
    schema::{credentials, jobs},
    statement::{Bind, Statement, statement},
};

/// How long a gateway has a job to itself: longer than the call to a provider that it is about.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// After so many gateways have died with a job, it has failed.
const MAX_ATTEMPTS: i32 = 3;
/// What is said of such a job.
const ABANDONED: &str = "No gateway lived long enough to finish it. Ask again.";

/// A job to store.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// A fresh id.
    pub id: JobId,
    /// The tenant.
    pub account_id: AccountId,
    /// What to do.
    pub kind: JobKind,
    /// With which credential.
    pub credential_id: CredentialId,
    /// Who asks.
    pub admin_id: AdminId,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A gateway will do it.
    Accepted,
    /// The same is asked for already and not finished.
    Already,
    /// The account has no such credential.
    Unknown,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// No gateway has taken it yet.
    Waiting,
    /// A gateway is at it.
    UnderWay,
    /// It ended at this time.
    Ended(JobOutcome, DateTime<Utc>),
}

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// How it stands.
    pub state: JobState,
    /// More on how it ended, without any secret.
    pub detail: Option<String>,
}

/// A job that the caller has to itself for a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenJob {
    /// Its id.
    pub id: JobId,
    /// The right to finish it.
    pub lease_id: LeaseId,
    /// The tenant.
    pub account_id: AccountId,
    /// What to do.
    pub kind: JobKind,
    /// With which credential; it may be gone.
    pub credential_id: CredentialId,
    /// Who asked.
    pub admin_id: AdminId,
}

struct InsertJob;

impl Statement for InsertJob {
    const SQL: &'static str = "
        INSERT INTO jobs (id, account_id, kind, credential_id, admin_id, created_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6
        WHERE NOT EXISTS (SELECT FROM jobs WHERE credential_id = ?4 AND kind = ?3 AND finished_at IS NULL)
        RETURNING id";
    type Row = sql_types::Uuid;
}

struct TakeJob;

impl Statement for TakeJob {
    const SQL: &'static str = "
        WITH due AS (
            SELECT id FROM jobs
            WHERE finished_at IS NULL AND attempts < ?4 AND (leased_until IS NULL OR leased_until <= ?1)
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        ), abandoned AS (
            SELECT id FROM jobs
            WHERE finished_at IS NULL AND attempts >= ?4 AND leased_until <= ?1
            FOR UPDATE SKIP LOCKED
        ), closed AS (
            UPDATE jobs SET finished_at = ?1, outcome = 'failed', detail = ?5, lease_id = NULL, leased_until = NULL
            FROM abandoned WHERE jobs.id = abandoned.id
        )
        UPDATE jobs SET lease_id = ?2, leased_until = ?3, attempts = attempts + 1
        FROM due WHERE jobs.id = due.id
        RETURNING jobs.id, account_id, kind, credential_id, admin_id";
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Uuid,
        sql_types::Uuid,
    );
}

type JobRow = (
    Uuid,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// Asks the gateways for something, unless it is asked for already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_job(&self, new: &NewJob) -> Result<Asked, StoreError> {
        let random = self.random.as_ref();
        let audited = AuditEvent {
            account_id: Some(new.account_id),
            actor: Actor::Admin(new.admin_id),
            action: new.kind.asked_action(),
            subject: Some(new.credential_id.uuid()),
            detail: json!({"job_id": new.id}),
        };
        let asked = self
            .write()
            .await?
            .transaction(async |connection| {
                // The lock lets wishes for one credential come one after the other: the second
                // sees the first.
                let known: Option<Uuid> = credentials::table
                    .filter(credentials::id.eq(new.credential_id.uuid()))
                    .filter(credentials::account_id.eq(new.account_id.uuid()))
                    .select(credentials::id)
                    .for_no_key_update()
                    .first(connection)
                    .await
                    .optional()?;
                if known.is_none() {
                    return Ok(Asked::Unknown);
                }
                let inserted: Option<Uuid> = statement::<InsertJob>(vec![
                    Bind::Uuid(new.id.uuid()),
                    Bind::Uuid(new.account_id.uuid()),
                    Bind::Text(new.kind.as_str().to_owned()),
                    Bind::Uuid(new.credential_id.uuid()),
                    Bind::Uuid(new.admin_id.uuid()),
                    Bind::Time(new.created_at),
                ])
                .get_result(connection)
                .await
                .optional()?;
                if inserted.is_none() {
                    return Ok(Asked::Already);
                }
                audit_events::insert(connection, random, &audited, new.created_at).await?;
                Channel::Jobs.announce(connection).await?;
                Ok::<_, diesel::result::Error>(Asked::Accepted)
            })
            .await?;
        Ok(asked)
    }

    /// Takes the job that waits the longest. Nobody else gets it before the lease ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_job(&self, now: DateTime<Utc>) -> Result<Option<TakenJob>, StoreError> {
        let lease_id = LeaseId::generate(now, self.random.as_ref());
        let row: Option<(Uuid, Uuid, String, Uuid, Uuid)> = statement::<TakeJob>(vec![
            Bind::Time(now),
            Bind::Uuid(lease_id.uuid()),
            Bind::Time(now + LEASE),
            Bind::Int(MAX_ATTEMPTS),
            Bind::Text(ABANDONED.to_owned()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|(id, account, word, credential, admin)| {
            Ok(TakenJob {
                id: id.into(),
                lease_id,
                account_id: account.into(),
                kind: kind(&word)?,
                credential_id: credential.into(),
                admin_id: admin.into(),
            })
        })
        .transpose()
    }

    /// Ends a job under its lease. `false` if the lease was lost: somebody else took the job since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_job(
        &self,
        job: &TakenJob,
        outcome: JobOutcome,
        detail: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let finished = diesel::update(jobs::table.find(job.id.uuid()))
            .filter(jobs::lease_id.eq(job.lease_id.uuid()))
            .set((
                jobs::finished_at.eq(now),
                jobs::outcome.eq(outcome.as_str()),
                jobs::detail.eq(detail),
                jobs::lease_id.eq(None::<Uuid>),
                jobs::leased_until.eq(None::<DateTime<Utc>>),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(finished == 1)
    }

    /// What was asked of a credential of this account, newest first; the credential may be gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_credential_jobs(
        &self,
        account: AccountId,
        credential: CredentialId,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<JobRow> = jobs::table
            .filter(jobs::credential_id.eq(credential.uuid()))
            .filter(jobs::account_id.eq(account.uuid()))
            .order(jobs::id.desc())
            .limit(limit)
            .select((
                jobs::id,
                jobs::kind,
                jobs::created_at,
                jobs::leased_until,
                jobs::finished_at,
                jobs::outcome,
                jobs::detail,
            ))
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(|row| job(row, now)).collect()
    }
}

fn job(
    (id, word, created_at, leased_until, finished_at, outcome, detail): JobRow,
    now: DateTime<Utc>,
) -> Result<Job, StoreError> {
    let state = match (finished_at, outcome) {
        (Some(at), Some(outcome)) => JobState::Ended(
            JobOutcome::parse(&outcome).ok_or(StoreError::Corrupt {
                table: "jobs",
                column: "outcome",
            })?,
            at,
        ),
        _ if leased_until.is_some_and(|until| until > now) => JobState::UnderWay,
        _ => JobState::Waiting,
    };
    Ok(Job {
        id: id.into(),
        kind: kind(&word)?,
        created_at,
        state,
        detail,
    })
}

fn kind(word: &str) -> Result<JobKind, StoreError> {
    JobKind::parse(word).ok_or(StoreError::Corrupt {
        table: "jobs",
        column: "kind",
    })
}
