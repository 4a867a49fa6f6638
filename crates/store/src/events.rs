//! Events: what happened to credentials and OAuth apps. The database fills the webhooks' outbox as
//! each is written (the trigger `events_fan_out`).

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    Random,
    event::NewEvent,
    ids::{AccountId, CredentialId, EventId, OauthAppId},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    column::object,
    schema::events,
    statement::{Bind, Statement, statement},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Where it stands in the order of all events.
    pub position: i64,
    /// What happened.
    pub kind: String,
    /// To which credential; it may be gone.
    pub credential_id: Option<CredentialId>,
    /// To, or under, which OAuth app; it may be gone.
    pub oauth_app_id: Option<OauthAppId>,
    /// More, without any secret.
    pub data: Map<String, Value>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What a webhook carries of an event: `type`, `timestamp`, and `data` with the ids, in that order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventPayload<'a> {
    r#type: &'a str,
    timestamp: DateTime<Utc>,
    data: Map<String, Value>,
}

impl Event {
    /// What a webhook carries of it.
    pub fn payload(&self) -> EventPayload<'_> {
        let mut data = self.data.clone();
        data.insert("event_id".into(), json!(self.id));
        if let Some(id) = self.credential_id {
            data.insert("credential_id".into(), json!(id));
        }
        if let Some(id) = self.oauth_app_id {
            data.insert("oauth_app_id".into(), json!(id));
        }
        EventPayload {
            r#type: &self.kind,
            timestamp: self.created_at,
            data,
        }
    }
}

type Columns = (
    events::id,
    events::position,
    events::kind,
    events::credential_id,
    events::oauth_app_id,
    events::data,
    events::created_at,
);

pub(crate) type Row = (
    Uuid,
    i64,
    String,
    Option<Uuid>,
    Option<Uuid>,
    Value,
    DateTime<Utc>,
);

pub(crate) const COLUMNS: Columns = (
    events::id,
    events::position,
    events::kind,
    events::credential_id,
    events::oauth_app_id,
    events::data,
    events::created_at,
);

pub(crate) fn event(
    (id, position, kind, credential_id, oauth_app_id, data, created_at): Row,
) -> Result<Event, StoreError> {
    Ok(Event {
        id: id.into(),
        position,
        kind,
        credential_id: credential_id.map(CredentialId::from),
        oauth_app_id: oauth_app_id.map(OauthAppId::from),
        data: object("events", "data", data)?,
        created_at,
    })
}

struct ListEvents;

impl Statement for ListEvents {
    // Positions are handed out before commits. An event behind one that is not committed yet stays
    // out, so that a reader who goes on after the last it saw misses none.
    const SQL: &'static str = "
        SELECT id, position, kind, credential_id, oauth_app_id, data, created_at
        FROM events
        WHERE account_id = ?1 AND position > ?2
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND (?3 IS NULL OR kind = ?3)
        ORDER BY position
        LIMIT ?4";
    type Row = (
        sql_types::Uuid,
        sql_types::BigInt,
        sql_types::Text,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Jsonb,
        sql_types::Timestamptz,
    );
}

impl Store {
    /// The account's events after a position, in their order, of one kind or of all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_events(
        &self,
        account: AccountId,
        after: i64,
        kind: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<Row> = statement::<ListEvents>(vec![
            Bind::Uuid(account.uuid()),
            Bind::BigInt(after),
            Bind::MaybeText(kind.map(str::to_owned)),
            Bind::BigInt(limit),
        ])
        .load(&mut self.read().await?)
        .await?;
        rows.into_iter().map(event).collect()
    }

    /// An event of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_event(
        &self,
        account: AccountId,
        id: EventId,
    ) -> Result<Option<Event>, StoreError> {
        let row: Option<Row> = events::table
            .filter(events::id.eq(id.uuid()))
            .filter(events::account_id.eq(account.uuid()))
            .select(COLUMNS)
            .first(&mut self.read().await?)
            .await
            .optional()?;
        row.map(event).transpose()
    }

    /// What happened to a credential of this account, newest first: its timeline.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_credential_events(
        &self,
        account: AccountId,
        credential: CredentialId,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<Row> = events::table
            .filter(events::credential_id.eq(credential.uuid()))
            .filter(events::account_id.eq(account.uuid()))
            .order(events::position.desc())
            .limit(limit)
            .select(COLUMNS)
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(event).collect()
    }
}

/// Writes an event, in the transaction of what it tells.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    random: &dyn Random,
    event: &NewEvent,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    diesel::insert_into(events::table)
        .values((
            events::id.eq(EventId::generate(now, random).uuid()),
            events::account_id.eq(event.account_id.uuid()),
            events::kind.eq(event.kind.as_str()),
            events::credential_id.eq(event.credential_id.map(CredentialId::uuid)),
            events::oauth_app_id.eq(event.oauth_app_id.map(OauthAppId::uuid)),
            events::data.eq(&event.data),
            events::created_at.eq(now),
        ))
        .execute(connection)
        .await?;
    Ok(())
}
