//! Where accounts hear of their events.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    event::EventKind,
    ids::{AccountId, WebhookEndpointId},
    sealed::Sealed,
    webhook::WebhookUrl,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Store, StoreError, audit_events, listen::Channel, schema::webhook_endpoints};

/// An endpoint to store.
#[derive(Debug, Clone)]
pub struct NewWebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// The tenant.
    pub account_id: AccountId,
    /// Where deliveries go.
    pub url: WebhookUrl,
    /// What it is for.
    pub description: Option<String>,
    /// Which events it hears of; none means all but `credential.refreshed`.
    pub events: Option<Vec<EventKind>>,
    /// What signs.
    pub sealed_secret: Sealed,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// An endpoint, as it is listed and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries go.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// Which events it hears of; none means all but `credential.refreshed`.
    pub events: Option<Vec<String>>,
    /// Until when the secret before the last rotation signs too.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Since when it hears of nothing, and why.
    pub disabled: Option<Disabled>,
    /// Counts the changes.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An endpoint is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: DisabledReason,
}

/// Why an endpoint is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// Somebody did it.
    ByHand,
    /// It answered 410 Gone: it does not want to hear of anything any more.
    Gone,
}

impl DisabledReason {
    /// The word as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Gone => "gone",
        }
    }
}

/// What can be changed of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct WebhookEndpointChange {
    /// Another address.
    pub url: Option<WebhookUrl>,
    /// Another description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// Other events; `Some(None)` returns to all but `credential.refreshed`.
    pub events: Option<Option<Vec<EventKind>>>,
    /// Switched off, or on again. What waits for it goes on waiting meanwhile.
    pub disabled: Option<bool>,
}

/// A new secret.
#[derive(Debug, Clone)]
pub struct WebhookRotation {
    /// What signs from now on.
    pub sealed_secret: Sealed,
    /// How long the secret before it signs too.
    pub overlap: TimeDelta,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointChange {
    /// It is made; this is the endpoint now, or was before its removal.
    Done(Box<WebhookEndpoint>),
    /// The account has no such endpoint.
    Unknown,
    /// It has another revision than the change was meant for.
    Stale,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: Uuid,
    url: String,
    description: Option<String>,
    event_kinds: Option<Vec<Option<String>>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for WebhookEndpoint {
    fn from(row: Row) -> Self {
        let reason = match row.disabled_reason.as_deref() {
            Some("gone") => DisabledReason::Gone,
            _ => DisabledReason::ByHand,
        };
        Self {
            id: row.id.into(),
            url: row.url,
            description: row.description,
            events: row
                .event_kinds
                .map(|kinds| kinds.into_iter().flatten().collect()),
            previous_secret_expires_at: row.previous_secret_expires_at,
            disabled: row.disabled_at.map(|at| Disabled { at, reason }),
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Stores an endpoint. It hears of what happens from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_webhook_endpoint(
        &self,
        new: &NewWebhookEndpoint,
        actor: Actor,
    ) -> Result<WebhookEndpoint, StoreError> {
        let random = self.random.as_ref();
        let event = event(
            new.account_id,
            actor,
            "webhook_endpoint.created",
            new.id,
            json!({"url": new.url.as_str()}),
        );
        let row = self
            .write()
            .await?
            .transaction(async |connection| {
                let row: Row = diesel::insert_into(webhook_endpoints::table)
                    .values((
                        webhook_endpoints::id.eq(new.id.uuid()),
                        webhook_endpoints::account_id.eq(new.account_id.uuid()),
                        webhook_endpoints::url.eq(new.url.as_str()),
                        webhook_endpoints::description.eq(&new.description),
                        webhook_endpoints::event_kinds.eq(new.events.as_deref().map(names)),
                        webhook_endpoints::sealed_secret.eq(new.sealed_secret.as_bytes()),
                        webhook_endpoints::created_at.eq(new.created_at),
                        webhook_endpoints::updated_at.eq(new.created_at),
                    ))
                    .returning(Row::as_returning())
                    .get_result(connection)
                    .await?;
                audit_events::insert(connection, random, &event, new.created_at).await?;
                Ok::<_, diesel::result::Error>(row)
            })
            .await?;
        Ok(row.into())
    }

    /// The account's endpoints, oldest first; `after` goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_webhook_endpoints(
        &self,
        account: AccountId,
        after: Option<WebhookEndpointId>,
        limit: i64,
    ) -> Result<Vec<WebhookEndpoint>, StoreError> {
        let mut query = webhook_endpoints::table
            .filter(webhook_endpoints::account_id.eq(account.uuid()))
            .order(webhook_endpoints::id)
            .limit(limit)
            .select(Row::as_select())
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(webhook_endpoints::id.gt(after.uuid()));
        }
        let rows: Vec<Row> = query.load(&mut self.read().await?).await?;
        Ok(rows.into_iter().map(WebhookEndpoint::from).collect())
    }

    /// An endpoint of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_webhook_endpoint(
        &self,
        account: AccountId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>, StoreError> {
        let row: Option<Row> = webhook_endpoints::table
            .filter(webhook_endpoints::id.eq(id.uuid()))
            .filter(webhook_endpoints::account_id.eq(account.uuid()))
            .select(Row::as_select())
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(row.map(WebhookEndpoint::from))
    }

    /// Changes an endpoint, if it has the expected revision.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_webhook_endpoint(
        &self,
        account: AccountId,
        id: WebhookEndpointId,
        expected: Option<i64>,
        change: &WebhookEndpointChange,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<EndpointChange, StoreError> {
        let action = match change.disabled {
            Some(true) => "webhook_endpoint.disabled",
            Some(false) => "webhook_endpoint.enabled",
            None => "webhook_endpoint.updated",
        };
        let url = change.url.as_ref().map(WebhookUrl::as_str);
        let event = event(account, actor, action, id, json!({"url": url}));
        let random = self.random.as_ref();
        self.write()
            .await?
            .transaction(async |connection| {
                let row: Option<Row> = diesel::update(webhook_endpoints::table)
                    .filter(webhook_endpoints::id.eq(id.uuid()))
                    .filter(webhook_endpoints::account_id.eq(account.uuid()))
                    .filter(is_expected(expected))
                    .set((
                        url.map(|url| webhook_endpoints::url.eq(url)),
                        change
                            .description
                            .as_ref()
                            .map(|text| webhook_endpoints::description.eq(text)),
                        change.events.as_ref().map(|events| {
                            webhook_endpoints::event_kinds.eq(events.as_deref().map(names))
                        }),
                        change
                            .disabled
                            .map(|disabled| disabling(disabled.then_some(now))),
                        webhook_endpoints::revision.eq(webhook_endpoints::revision + 1),
                        webhook_endpoints::updated_at.eq(now),
                    ))
                    .returning(Row::as_returning())
                    .get_result(connection)
                    .await
                    .optional()?;
                if row.is_some() {
                    audit_events::insert(connection, random, &event, now).await?;
                }
                if row.is_some() && change.disabled == Some(false) {
                    Channel::Webhooks.announce(connection).await?;
                }
                outcome(connection, account, id, row).await
            })
            .await
            .map_err(StoreError::from)
    }

    /// Gives an endpoint another secret. The one before signs too while the two overlap.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate_webhook_secret(
        &self,
        account: AccountId,
        id: WebhookEndpointId,
        rotation: &WebhookRotation,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<EndpointChange, StoreError> {
        let overlap = rotation.overlap;
        let detail = json!({"overlap_seconds": overlap.num_seconds()});
        let event = event(
            account,
            actor,
            "webhook_endpoint.secret_rotated",
            id,
            detail,
        );
        let random = self.random.as_ref();
        self.write()
            .await?
            .transaction(async |connection| {
                let endpoint = webhook_endpoints::table
                    .filter(webhook_endpoints::id.eq(id.uuid()))
                    .filter(webhook_endpoints::account_id.eq(account.uuid()));
                let renewed = (
                    webhook_endpoints::sealed_secret.eq(rotation.sealed_secret.as_bytes()),
                    webhook_endpoints::revision.eq(webhook_endpoints::revision + 1),
                    webhook_endpoints::updated_at.eq(now),
                );
                let row: Option<Row> = if overlap > TimeDelta::zero() {
                    diesel::update(endpoint)
                        .set((
                            renewed,
                            // The column's value before this statement.
                            webhook_endpoints::sealed_previous_secret
                                .eq(webhook_endpoints::sealed_secret.nullable()),
                            webhook_endpoints::previous_secret_expires_at.eq(now + overlap),
                        ))
                        .returning(Row::as_returning())
                        .get_result(connection)
                        .await
                        .optional()?
                } else {
                    diesel::update(endpoint)
                        .set((
                            renewed,
                            webhook_endpoints::sealed_previous_secret.eq(None::<Vec<u8>>),
                            webhook_endpoints::previous_secret_expires_at.eq(None::<DateTime<Utc>>),
                        ))
                        .returning(Row::as_returning())
                        .get_result(connection)
                        .await
                        .optional()?
                };
                if row.is_some() {
                    audit_events::insert(connection, random, &event, now).await?;
                }
                outcome(connection, account, id, row).await
            })
            .await
            .map_err(StoreError::from)
    }

    /// Removes an endpoint with its deliveries, if it has the expected revision.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_webhook_endpoint(
        &self,
        account: AccountId,
        id: WebhookEndpointId,
        expected: Option<i64>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<EndpointChange, StoreError> {
        let random = self.random.as_ref();
        self.write()
            .await?
            .transaction(async |connection| {
                let row: Option<Row> = diesel::delete(webhook_endpoints::table)
                    .filter(webhook_endpoints::id.eq(id.uuid()))
                    .filter(webhook_endpoints::account_id.eq(account.uuid()))
                    .filter(is_expected(expected))
                    .returning(Row::as_returning())
                    .get_result(connection)
                    .await
                    .optional()?;
                if let Some(row) = &row {
                    let detail = json!({"url": row.url});
                    let event = event(account, actor, "webhook_endpoint.deleted", id, detail);
                    audit_events::insert(connection, random, &event, now).await?;
                }
                outcome(connection, account, id, row).await
            })
            .await
            .map_err(StoreError::from)
    }
}

/// The guard of `If-Match`.
#[diesel::dsl::auto_type(no_type_alias)]
fn is_expected(expected: Option<i64>) -> _ {
    let any: bool = expected.is_none();
    let revision: i64 = expected.unwrap_or_default();
    webhook_endpoints::revision
        .eq(revision)
        .or(any.into_sql::<Bool>())
}

type Disabling = (
    diesel::dsl::Eq<webhook_endpoints::disabled_at, Option<DateTime<Utc>>>,
    diesel::dsl::Eq<webhook_endpoints::disabled_reason, Option<&'static str>>,
);

fn disabling(at: Option<DateTime<Utc>>) -> Disabling {
    let reason = at.map(|_| DisabledReason::ByHand.as_str());
    (
        webhook_endpoints::disabled_at.eq(at),
        webhook_endpoints::disabled_reason.eq(reason),
    )
}

/// What a change that returned this row, or none, has come to.
async fn outcome(
    connection: &mut AsyncPgConnection,
    account: AccountId,
    id: WebhookEndpointId,
    row: Option<Row>,
) -> Result<EndpointChange, diesel::result::Error> {
    if let Some(row) = row {
        return Ok(EndpointChange::Done(Box::new(row.into())));
    }
    let known: Option<Uuid> = webhook_endpoints::table
        .filter(webhook_endpoints::id.eq(id.uuid()))
        .filter(webhook_endpoints::account_id.eq(account.uuid()))
        .select(webhook_endpoints::id)
        .first(connection)
        .await
        .optional()?;
    Ok(match known {
        Some(_) => EndpointChange::Stale,
        None => EndpointChange::Unknown,
    })
}

fn names(events: &[EventKind]) -> Vec<&'static str> {
    events.iter().map(|kind| kind.as_str()).collect()
}

fn event(
    account: AccountId,
    actor: Actor,
    action: &'static str,
    endpoint: WebhookEndpointId,
    detail: Value,
) -> AuditEvent {
    AuditEvent {
        account_id: Some(account),
        actor,
        action,
        subject: Some(endpoint.uuid()),
        detail,
    }
}
