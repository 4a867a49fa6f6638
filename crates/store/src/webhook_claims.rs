//! Deliveries on their way: who sends which, and what became of it.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, LeaseId, WebhookDeliveryId, WebhookEndpointId},
    sealed::Sealed,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Event, Store, StoreError, audit_events,
    column::object,
    schema::webhook_endpoints,
    statement::{Bind, Statement, statement},
    webhook_endpoints::DisabledReason,
};

/// How long a delivery belongs to the gateway that claimed it: longer than a call may take.
pub const WEBHOOK_LEASE: TimeDelta = TimeDelta::seconds(45);
/// To one endpoint, so many at once: it is not to be flooded, and one that hangs holds up no more.
const AT_ONCE: i32 = 4;
/// Due deliveries of one endpoint that a claim looks at.
const LOOK: i32 = 40;
/// Due deliveries of all endpoints that a claim looks at.
const LOOK_IN_ALL: i64 = 1000;

/// A delivery to send, claimed by the caller.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The claim.
    pub lease: LeaseId,
    /// The tenant.
    pub account_id: AccountId,
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Where to send it.
    pub url: String,
    /// What signs.
    pub sealed_secret: Sealed,
    /// What signs too: the secret before the last rotation, while it overlaps.
    pub sealed_previous_secret: Option<Sealed>,
    /// Attempts, with this one.
    pub attempts: u32,
    /// What to send.
    pub event: Event,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The endpoint has it.
    Delivered {
        /// HTTP status.
        status: u16,
    },
    /// Not this time.
    Failed {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// Why, for people.
        error: String,
        /// When to try again.
        next_attempt_at: DateTime<Utc>,
    },
    /// Not at all: it is a dead letter.
    Dead {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// Why, for people.
        error: String,
    },
    /// The endpoint answered 410 Gone: a dead letter, and the endpoint is switched off.
    Gone {
        /// Why, for people.
        error: String,
    },
}

struct LockDue;

impl Statement for LockDue {
    // Endpoint by endpoint, so that none with a long queue hides the others, and in another order
    // each time, so that none is always the last.
    const SQL: &'static str = "
        SELECT due.id
        FROM (SELECT id FROM webhook_endpoints WHERE disabled_at IS NULL ORDER BY random()) w
        CROSS JOIN LATERAL (
            SELECT d.id
            FROM webhook_deliveries d
            WHERE d.endpoint_id = w.id AND d.state = 'pending' AND d.next_attempt_at <= ?1
              AND (SELECT count(*) FROM webhook_deliveries l
                   WHERE l.endpoint_id = w.id AND l.lease_id IS NOT NULL AND l.leased_until > ?1) < ?2
            ORDER BY d.next_attempt_at, d.position LIMIT ?3
            FOR NO KEY UPDATE SKIP LOCKED
        ) due
        LIMIT ?4";
    type Row = sql_types::Uuid;
}

struct Claim;

impl Statement for Claim {
    // Runs after LockDue, in its transaction, so that it sees what was committed until the rows were
    // locked. One that waits for an earlier delivery of its subject is moved behind it, so that the
    // next claims need not look at it again; whoever finishes the earlier one moves it back.
    // A claim moves the delivery to the end of its lease: a gateway that dies gives it back so.
    const SQL: &'static str = "
        WITH due AS (
            SELECT d.id, d.endpoint_id, d.position, d.next_attempt_at, earlier.next_attempt_at AS waits_until
            FROM webhook_deliveries d
            LEFT JOIN LATERAL (
                SELECT e.next_attempt_at
                FROM webhook_deliveries e
                WHERE e.endpoint_id = d.endpoint_id AND e.subject_id = d.subject_id
                  AND e.state = 'pending' AND e.position < d.position
                ORDER BY e.position LIMIT 1
            ) earlier ON true
            WHERE d.id = ANY (?1)
        ), moved AS (
            UPDATE webhook_deliveries d
            SET next_attempt_at = greatest(due.waits_until, ?2 + interval '1 second')
            FROM due
            WHERE d.id = due.id AND due.waits_until IS NOT NULL
        ), ranked AS (
            SELECT id, next_attempt_at,
                   row_number() OVER (PARTITION BY endpoint_id ORDER BY next_attempt_at, position)
                   + (SELECT count(*) FROM webhook_deliveries l
                      WHERE l.endpoint_id = due.endpoint_id AND l.lease_id IS NOT NULL AND l.leased_until > ?2) AS place
            FROM due
            WHERE waits_until IS NULL
        ), chosen AS (
            SELECT id FROM ranked WHERE place <= ?3 ORDER BY place, next_attempt_at LIMIT ?4
        )
        UPDATE webhook_deliveries d
        SET lease_id = ?5, leased_until = ?6, next_attempt_at = ?6, attempts = d.attempts + 1,
            first_attempt_at = coalesce(d.first_attempt_at, ?2), last_attempt_at = ?2
        FROM chosen, webhook_endpoints w, events e
        WHERE d.id = chosen.id AND w.id = d.endpoint_id AND e.id = d.event_id
        RETURNING d.id, d.account_id, d.endpoint_id, d.attempts, w.url, w.sealed_secret,
                  CASE WHEN w.previous_secret_expires_at > ?2 THEN w.sealed_previous_secret END,
                  e.id, e.position, e.kind, e.credential_id, e.oauth_app_id, e.data, e.created_at";
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Integer,
        sql_types::Text,
        sql_types::Binary,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Uuid,
        sql_types::BigInt,
        sql_types::Text,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Jsonb,
        sql_types::Timestamptz,
    );
}

#[derive(Queryable)]
struct ClaimRow {
    id: Uuid,
    account_id: Uuid,
    endpoint_id: Uuid,
    attempts: i32,
    url: String,
    sealed_secret: Vec<u8>,
    sealed_previous_secret: Option<Vec<u8>>,
    event_id: Uuid,
    position: i64,
    kind: String,
    credential_id: Option<Uuid>,
    oauth_app_id: Option<Uuid>,
    data: Value,
    created_at: DateTime<Utc>,
}

struct Finish;

impl Statement for Finish {
    // The endpoint is locked first, in the order in which its removal locks it and its deliveries:
    // the other way round, each would wait for the other.
    const SQL: &'static str = "
        WITH endpoint AS (
            SELECT w.id
            FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
            WHERE d.id = ?1
            FOR KEY SHARE OF w
        ), finished AS (
            UPDATE webhook_deliveries d
            SET state = ?3, next_attempt_at = ?4, last_status = nullif(?5, 0), last_error = ?6,
                delivered_at = CASE WHEN ?3 = 'delivered' THEN ?7 END, lease_id = NULL, leased_until = NULL
            FROM endpoint
            WHERE d.endpoint_id = endpoint.id AND d.id = ?1 AND d.lease_id = ?2 AND d.state = 'pending'
            RETURNING d.account_id, d.endpoint_id, d.subject_id, d.position, d.state
        ), woken AS (
            UPDATE webhook_deliveries d
            SET next_attempt_at = least(d.next_attempt_at, ?7)
            FROM finished
            WHERE finished.state <> 'pending' AND d.lease_id IS NULL
              AND d.id = (SELECT n.id FROM webhook_deliveries n
                          WHERE n.endpoint_id = finished.endpoint_id AND n.subject_id = finished.subject_id
                            AND n.state = 'pending' AND n.position > finished.position
                          ORDER BY n.position LIMIT 1)
        )
        SELECT account_id, endpoint_id FROM finished";
    type Row = (sql_types::Uuid, sql_types::Uuid);
}

impl Store {
    /// Claims up to `limit` deliveries that are due, for [`WEBHOOK_LEASE`]. Of one endpoint at most
    /// four are under way, and of one subject one: the earliest that is pending. Endpoints take
    /// turns. (Gateways that claim in the same moment may send a few more to one endpoint.)
    ///
    /// # Errors
    /// [`StoreError`]; nothing is claimed then.
    pub async fn claim_webhook_deliveries(
        &self,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let lease = LeaseId::generate(now, self.random.as_ref());
        let rows: Vec<ClaimRow> = self
            .write()
            .await?
            .transaction(async |connection| {
                let due: Vec<Uuid> = statement::<LockDue>(vec![
                    Bind::Time(now),
                    Bind::Int(AT_ONCE),
                    Bind::Int(LOOK),
                    Bind::BigInt(LOOK_IN_ALL),
                ])
                .load(connection)
                .await?;
                if due.is_empty() {
                    return Ok(Vec::new());
                }
                statement::<Claim>(vec![
                    Bind::Uuids(due),
                    Bind::Time(now),
                    Bind::Int(AT_ONCE),
                    Bind::BigInt(limit.into()),
                    Bind::Uuid(lease.uuid()),
                    Bind::Time(now + WEBHOOK_LEASE),
                ])
                .load(connection)
                .await
            })
            .await?;
        rows.into_iter().map(|row| claimed(row, lease)).collect()
    }

    /// Writes down what became of an attempt, and lets the next delivery of the subject go if this
    /// one is out of its way. `false` if it is no longer the caller's to say.
    ///
    /// # Errors
    /// [`StoreError`]; the delivery is sent again when its lease ends.
    pub async fn finish_webhook_delivery(
        &self,
        id: WebhookDeliveryId,
        lease: LeaseId,
        outcome: &DeliveryOutcome,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (state, status, error) = match outcome {
            DeliveryOutcome::Delivered { status } => ("delivered", Some(*status), None),
            DeliveryOutcome::Failed { status, error, .. } => ("pending", *status, Some(error)),
            DeliveryOutcome::Dead { status, error } => ("dead", *status, Some(error)),
            DeliveryOutcome::Gone { error } => ("dead", Some(410), Some(error)),
        };
        let next_attempt_at = match outcome {
            DeliveryOutcome::Failed {
                next_attempt_at, ..
            } => *next_attempt_at,
            _ => now,
        };
        let finish = statement::<Finish>(vec![
            Bind::Uuid(id.uuid()),
            Bind::Uuid(lease.uuid()),
            Bind::Text(state.to_owned()),
            Bind::Time(next_attempt_at),
            Bind::Int(status.map_or(0, i32::from)),
            Bind::MaybeText(error.cloned()),
            Bind::Time(now),
        ]);
        let random = self.random.as_ref();
        let finished = self
            .write()
            .await?
            .transaction(async |connection| {
                let found: Option<(Uuid, Uuid)> = finish.get_result(connection).await.optional()?;
                if let (Some((account, endpoint)), DeliveryOutcome::Gone { .. }) = (found, outcome)
                    && disable(connection, endpoint, now).await?
                {
                    let event = AuditEvent {
                        account_id: Some(account.into()),
                        actor: Actor::System,
                        action: "webhook_endpoint.disabled",
                        subject: Some(endpoint),
                        detail: json!({"reason": DisabledReason::Gone.as_str()}),
                    };
                    audit_events::insert(connection, random, &event, now).await?;
                }
                Ok::<_, diesel::result::Error>(found.is_some())
            })
            .await?;
        Ok(finished)
    }
}

/// Switches an endpoint off that is gone; `false` if it is off already.
async fn disable(
    connection: &mut AsyncPgConnection,
    endpoint: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, diesel::result::Error> {
    let disabled = diesel::update(webhook_endpoints::table.find(endpoint))
        .filter(webhook_endpoints::disabled_at.is_null())
        .set((
            webhook_endpoints::disabled_at.eq(now),
            webhook_endpoints::disabled_reason.eq(DisabledReason::Gone.as_str()),
            webhook_endpoints::revision.eq(webhook_endpoints::revision + 1),
            webhook_endpoints::updated_at.eq(now),
        ))
        .execute(connection)
        .await?;
    Ok(disabled > 0)
}

fn claimed(row: ClaimRow, lease: LeaseId) -> Result<ClaimedDelivery, StoreError> {
    Ok(ClaimedDelivery {
        id: row.id.into(),
        lease,
        account_id: row.account_id.into(),
        endpoint_id: row.endpoint_id.into(),
        url: row.url,
        sealed_secret: Sealed::from_bytes(row.sealed_secret),
        sealed_previous_secret: row.sealed_previous_secret.map(Sealed::from_bytes),
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        event: Event {
            id: row.event_id.into(),
            position: row.position,
            kind: row.kind,
            credential_id: row.credential_id.map(Into::into),
            oauth_app_id: row.oauth_app_id.map(Into::into),
            data: object("events", "data", row.data)?,
            created_at: row.created_at,
        },
    })
}
