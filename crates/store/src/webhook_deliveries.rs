//! Deliveries, as they are listed, shown, and sent again by hand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, EventId, WebhookDeliveryId, WebhookEndpointId},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Event, Store, StoreError, audit_events, events,
    listen::Channel,
    schema::{events as event_rows, webhook_deliveries, webhook_endpoints},
};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for its turn, or for its next attempt.
    Pending,
    /// The endpoint has it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The word as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The event.
    pub event_id: EventId,
    /// What happened.
    pub kind: String,
    /// Where it stands in the order of all events.
    pub position: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next, if it is pending.
    pub next_attempt_at: DateTime<Utc>,
    /// When it was tried last.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// What the endpoint answered last: an HTTP status.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the endpoint took it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When its event happened.
    pub created_at: DateTime<Utc>,
}

/// What waits for an endpoint, and what was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfinished {
    /// Deliveries that are pending.
    pub pending: i64,
    /// Dead letters.
    pub dead: i64,
}

/// What became of the wish to send a delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It goes out as soon as its turn comes, or is under way.
    Pending(Box<WebhookDelivery>),
    /// The endpoint has it already.
    Delivered,
    /// The endpoint is switched off.
    Disabled,
    /// The endpoint has no such delivery, or the account no such endpoint.
    Unknown,
}

type Columns = (
    webhook_deliveries::id,
    webhook_deliveries::event_id,
    event_rows::kind,
    webhook_deliveries::position,
    webhook_deliveries::state,
    webhook_deliveries::attempts,
    webhook_deliveries::next_attempt_at,
    webhook_deliveries::last_attempt_at,
    webhook_deliveries::last_status,
    webhook_deliveries::last_error,
    webhook_deliveries::delivered_at,
    webhook_deliveries::created_at,
);

const COLUMNS: Columns = (
    webhook_deliveries::id,
    webhook_deliveries::event_id,
    event_rows::kind,
    webhook_deliveries::position,
    webhook_deliveries::state,
    webhook_deliveries::attempts,
    webhook_deliveries::next_attempt_at,
    webhook_deliveries::last_attempt_at,
    webhook_deliveries::last_status,
    webhook_deliveries::last_error,
    webhook_deliveries::delivered_at,
    webhook_deliveries::created_at,
);

#[derive(Queryable)]
struct Row {
    id: Uuid,
    event_id: Uuid,
    kind: String,
    position: i64,
    state: String,
    attempts: i32,
    next_attempt_at: DateTime<Utc>,
    last_attempt_at: Option<DateTime<Utc>>,
    last_status: Option<i32>,
    last_error: Option<String>,
    delivered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for WebhookDelivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            event_id: row.event_id.into(),
            kind: row.kind,
            position: row.position,
            state: DeliveryState::parse(&row.state).ok_or(StoreError::Corrupt {
                table: "webhook_deliveries",
                column: "state",
            })?,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            next_attempt_at: row.next_attempt_at,
            last_attempt_at: row.last_attempt_at,
            last_status: row.last_status.and_then(|status| status.try_into().ok()),
            last_error: row.last_error,
            delivered_at: row.delivered_at,
            created_at: row.created_at,
        })
    }
}

impl Store {
    /// The deliveries to an endpoint of this account, newest event first, in one state or in all;
    /// `before`, the position of an event, goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_webhook_deliveries(
        &self,
        account: AccountId,
        endpoint: WebhookEndpointId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let mut query = webhook_deliveries::table
            .inner_join(event_rows::table)
            .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
            .filter(webhook_deliveries::account_id.eq(account.uuid()))
            .order(webhook_deliveries::position.desc())
            .limit(limit)
            .select(COLUMNS)
            .into_boxed();
        if let Some(state) = state {
            query = query.filter(webhook_deliveries::state.eq(state.as_str()));
        }
        if let Some(before) = before {
            query = query.filter(webhook_deliveries::position.lt(before));
        }
        let rows: Vec<Row> = query.load(&mut self.read().await?).await?;
        rows.into_iter().map(WebhookDelivery::try_from).collect()
    }

    /// A delivery to an endpoint of this account, and its event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_webhook_delivery(
        &self,
        account: AccountId,
        endpoint: WebhookEndpointId,
        id: WebhookDeliveryId,
    ) -> Result<Option<(WebhookDelivery, Event)>, StoreError> {
        let found: Option<(Row, events::Row)> = webhook_deliveries::table
            .inner_join(event_rows::table)
            .filter(webhook_deliveries::id.eq(id.uuid()))
            .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
            .filter(webhook_deliveries::account_id.eq(account.uuid()))
            .select((COLUMNS, events::COLUMNS))
            .first(&mut self.read().await?)
            .await
            .optional()?;
        found
            .map(|(row, event)| Ok((row.try_into()?, events::event(event)?)))
            .transpose()
    }

    /// How much waits for each of the account's endpoints, and how much was given up; endpoints that
    /// have everything are absent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_unfinished_deliveries(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<WebhookEndpointId, Unfinished>, StoreError> {
        let unfinished = [DeliveryState::Pending, DeliveryState::Dead].map(DeliveryState::as_str);
        let rows: Vec<(Uuid, String, i64)> = webhook_deliveries::table
            .filter(webhook_deliveries::account_id.eq(account.uuid()))
            .filter(webhook_deliveries::state.eq_any(unfinished))
            .group_by((webhook_deliveries::endpoint_id, webhook_deliveries::state))
            .select((
                webhook_deliveries::endpoint_id,
                webhook_deliveries::state,
                count_star(),
            ))
            .load(&mut self.read().await?)
            .await?;
        let mut counted = BTreeMap::<WebhookEndpointId, Unfinished>::new();
        for (endpoint, state, count) in rows {
            let unfinished = counted.entry(endpoint.into()).or_default();
            match DeliveryState::parse(&state) {
                Some(DeliveryState::Dead) => unfinished.dead = count,
                _ => unfinished.pending = count,
            }
        }
        Ok(counted)
    }

    /// Makes a delivery due now that is pending or dead. A dead one gets one more attempt, or more if
    /// its three days are not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_webhook_delivery(
        &self,
        account: AccountId,
        endpoint: WebhookEndpointId,
        id: WebhookDeliveryId,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Retried, StoreError> {
        let random = self.random.as_ref();
        let event = AuditEvent {
            account_id: Some(account),
            actor,
            action: "webhook_delivery.retried",
            subject: Some(id.uuid()),
            detail: json!({"endpoint": endpoint}),
        };
        let retried = self
            .write()
            .await?
            .transaction(async |connection| {
                let enabled = webhook_endpoints::table
                    .filter(webhook_endpoints::id.eq(endpoint.uuid()))
                    .filter(webhook_endpoints::account_id.eq(account.uuid()))
                    .filter(webhook_endpoints::disabled_at.is_null())
                    .select(webhook_endpoints::id);
                let retried = diesel::update(webhook_deliveries::table)
                    .filter(webhook_deliveries::id.eq(id.uuid()))
                    .filter(webhook_deliveries::endpoint_id.eq_any(enabled))
                    .filter(webhook_deliveries::state.ne(DeliveryState::Delivered.as_str()))
                    // One that is under way is not sent twice.
                    .filter(
                        webhook_deliveries::leased_until
                            .is_null()
                            .or(webhook_deliveries::leased_until.le(now)),
                    )
                    .set((
                        webhook_deliveries::state.eq(DeliveryState::Pending.as_str()),
                        webhook_deliveries::next_attempt_at.eq(now),
                    ))
                    .execute(connection)
                    .await?;
                if retried > 0 {
                    audit_events::insert(connection, random, &event, now).await?;
                    Channel::Webhooks.announce(connection).await?;
                }
                let found: Option<(Row, Option<DateTime<Utc>>)> = webhook_deliveries::table
                    .inner_join(event_rows::table)
                    .inner_join(webhook_endpoints::table)
                    .filter(webhook_deliveries::id.eq(id.uuid()))
                    .filter(webhook_deliveries::endpoint_id.eq(endpoint.uuid()))
                    .filter(webhook_deliveries::account_id.eq(account.uuid()))
                    .select((COLUMNS, webhook_endpoints::disabled_at))
                    .first(connection)
                    .await
                    .optional()?;
                Ok::<_, diesel::result::Error>(found)
            })
            .await?;
        let Some((row, disabled_at)) = retried else {
            return Ok(Retried::Unknown);
        };
        let delivery = WebhookDelivery::try_from(row)?;
        Ok(match (delivery.state, disabled_at) {
            (DeliveryState::Delivered, _) => Retried::Delivered,
            (_, Some(_)) => Retried::Disabled,
            _ => Retried::Pending(Box::new(delivery)),
        })
    }
}
