//! How a refresh ends. What is written, whoever holds the lease writes: a newer grant, or a later
//! lease, is never overwritten.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{health::HealthStatus, ids::EventId, scope::Scopes, sealed::Sealed};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    LeasedRefresh, Store, StoreError,
    credential_read::tell_health,
    statement::{Bind, Statement, statement},
};

/// What a refresh yielded.
#[derive(Debug, Clone)]
pub struct NewTokens {
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// Names of the sealed properties.
    pub secret_names: Vec<String>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<String>,
    /// The granted scopes.
    pub scopes: Option<Scopes>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When the background refreshes it next.
    pub refresh_at: Option<DateTime<Utc>>,
}

/// A refresh that yielded nothing.
#[derive(Debug, Clone)]
pub struct FailedRefresh {
    /// How the credential is now; [`HealthStatus::Error`] ends all refreshes of this grant.
    pub status: HealthStatus,
    /// Why, in a sentence without any secret.
    pub note: String,
    /// When to try again; none if never.
    pub retry_at: Option<DateTime<Utc>>,
    /// Whether the request was sent and no answer came.
    pub is_unanswered: bool,
}

struct CommitRefresh;

impl Statement for CommitRefresh {
    // The credential is locked first, as everywhere. It may be gone, and its grant wait for its
    // revocation: then the new tokens are those to revoke.
    const SQL: &'static str = "
        WITH held AS (
            SELECT id, health_status FROM credentials WHERE id = ?3 AND grant_id = ?1 FOR NO KEY UPDATE
        ), kept AS (
            UPDATE grants
            SET properties = ?4, secret_names = ?5, sealed_secrets = ?6, token_type = ?7, scope = ?8,
                expires_at = ?9, refresh_expires_at = ?10, refreshed_at = ?12,
                refresh_at = CASE WHEN revoke_at IS NULL THEN ?11 END,
                refresh_failures = 0, retry_at = NULL, unanswered_at = NULL, lease_id = NULL, leased_until = NULL
            WHERE id = ?1 AND lease_id = ?2 AND (SELECT count(*) FROM held) >= 0
            RETURNING id
        ), healed AS (
            UPDATE credentials c
            SET health_status = 'ok', health_notes = '[]', revision = revision + 1, updated_at = ?12,
                health_at = CASE WHEN c.health_status = 'ok' THEN c.health_at ELSE ?12 END
            FROM held, kept
            WHERE c.id = held.id
            RETURNING c.*, held.health_status AS was
        ), told AS (
            INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
            SELECT news.id, account_id, news.kind, healed.id, oauth_app_id,
                   jsonb_build_object('provider', provider, 'kind', healed.kind, 'external_id', external_id), ?12
            FROM healed, (VALUES (1, ?13, 'credential.refreshed'), (2, ?14, 'credential.recovered')) AS news (number, id, kind)
            WHERE number = 1 OR was <> 'ok'
            ORDER BY number
        )
        SELECT id FROM kept";
    type Row = sql_types::Uuid;
}

struct FailRefresh;

impl Statement for FailRefresh {
    const SQL: &'static str = concat!(
        "
        WITH held AS (
            SELECT id, health_status FROM credentials WHERE id = ?3 AND grant_id = ?1 FOR NO KEY UPDATE
        ), kept AS (
            UPDATE grants
            SET lease_id = NULL, leased_until = NULL, refresh_failures = refresh_failures + 1, retry_at = ?6,
                refresh_at = CASE WHEN refresh_at IS NOT NULL AND ?6 IS NOT NULL THEN greatest(refresh_at, ?6) END,
                unanswered_at = coalesce(unanswered_at, ?7)
            WHERE id = ?1 AND lease_id = ?2 AND (SELECT count(*) FROM held) >= 0
            RETURNING id
        ), changed AS (
            UPDATE credentials c
            SET health_status = ?4, health_notes = ?5, revision = revision + 1,
                health_at = CASE WHEN c.health_status = ?4 THEN c.health_at ELSE ?8 END
            FROM held, kept
            WHERE c.id = held.id AND (c.health_status, c.health_notes) IS DISTINCT FROM (?4, ?5)
            RETURNING c.*, held.health_status AS was
        ), ",
        tell_health!("?9", "?8"),
        "
        SELECT id FROM kept"
    );
    type Row = sql_types::Uuid;
}

impl Store {
    /// Keeps what a refresh yielded, and releases the lease; the credential is well.
    ///
    /// `false` if the lease was lost: the grant was replaced or erased meanwhile, or somebody else
    /// leased it after the lease had ended. Nothing is kept then.
    ///
    /// # Errors
    /// [`StoreError`]; the tokens must not be lost, so try again until the lease ends.
    pub async fn commit_refresh(
        &self,
        lease: &LeasedRefresh,
        new: &NewTokens,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let event = || EventId::generate(now, self.random.as_ref()).uuid();
        let kept: Option<Uuid> = statement::<CommitRefresh>(vec![
            Bind::Uuid(lease.grant_id.uuid()),
            Bind::Uuid(lease.lease_id.uuid()),
            Bind::Uuid(lease.credential_id.uuid()),
            Bind::Json(Value::Object(new.public.clone())),
            Bind::Json(json!(new.secret_names)),
            Bind::Bytes(new.sealed_secrets.as_bytes().to_vec()),
            Bind::MaybeText(new.token_type.clone()),
            Bind::MaybeText(new.scopes.as_ref().map(ToString::to_string)),
            Bind::MaybeTime(new.expires_at),
            Bind::MaybeTime(new.refresh_expires_at),
            Bind::MaybeTime(new.refresh_at),
            Bind::Time(now),
            Bind::Uuid(event()),
            Bind::Uuid(event()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(kept.is_some())
    }

    /// Keeps that a refresh failed, and releases the lease. A change of the status is an event.
    ///
    /// `false` if the lease was lost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_refresh(
        &self,
        lease: &LeasedRefresh,
        failed: &FailedRefresh,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let kept: Option<Uuid> = statement::<FailRefresh>(vec![
            Bind::Uuid(lease.grant_id.uuid()),
            Bind::Uuid(lease.lease_id.uuid()),
            Bind::Uuid(lease.credential_id.uuid()),
            Bind::Text(failed.status.as_str().to_owned()),
            Bind::Json(json!([failed.note])),
            Bind::MaybeTime(failed.retry_at),
            Bind::MaybeTime(failed.is_unanswered.then_some(lease.leased_at)),
            Bind::Time(now),
            Bind::Uuid(EventId::generate(now, self.random.as_ref()).uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(kept.is_some())
    }
}
