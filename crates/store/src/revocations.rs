//! Grants that have to end at their provider: a queue. Who claims one has it to himself for a
//! while; who dies with it leaves it to the next.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    audit::Actor,
    ids::{AccountId, AuditEventId, CredentialId, EventId, GrantId, LeaseId, OauthAppId},
    provider::ProviderSlug,
    revocation::{EndReason, Revocation, RevocationOutcome},
    sealed::Sealed,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::variables,
    column::object,
    oauth_apps::slug,
    removals::drop_removed_app,
    statement::{Bind, Statement, statement},
};

/// How long a claim lasts: longer than a call to a provider.
const CLAIM: TimeDelta = TimeDelta::seconds(30);

/// All that it takes to ask a provider to end a grant.
#[derive(Debug, Clone)]
pub struct RevocationTarget {
    /// The grant, which the seal is bound to.
    pub grant_id: GrantId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// The provider.
    pub provider: ProviderSlug,
    /// The provider's client id.
    pub client_id: String,
    /// The provider's client secret.
    pub sealed_client_secret: Sealed,
    /// Whose it is.
    pub external_id: String,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
}

/// A grant that the caller has to itself for 30 seconds, to end it.
#[derive(Debug, Clone)]
pub struct ClaimedRevocation {
    /// What it takes.
    pub target: RevocationTarget,
    /// Why it has to end.
    pub reason: EndReason,
    /// How often it was claimed, this time included.
    pub attempt: i32,
    /// Whether the same external account has a credential of the same app. At several providers a
    /// revocation ends all of an account's grants to an app, and would take that one along.
    pub is_superseded: bool,
}

/// What a claim that ended comes to.
#[derive(Debug, Clone)]
pub struct FinishedRevocation {
    /// What the provider made of it.
    pub revocation: Revocation,
    /// When to ask again; none if that is the end of it.
    pub again_at: Option<DateTime<Utc>>,
}

macro_rules! target_columns {
    () => {
        "g.id, g.account_id, a.id, g.provider, a.client_id, a.sealed_client_secret, g.external_id,
         g.properties, g.sealed_secrets, g.variables"
    };
}

type TargetColumns = (
    sql_types::Uuid,
    sql_types::Uuid,
    sql_types::Uuid,
    sql_types::Text,
    sql_types::Text,
    sql_types::Binary,
    sql_types::Text,
    sql_types::Jsonb,
    sql_types::Binary,
    sql_types::Jsonb,
);

type TargetRow = (
    Uuid,
    Uuid,
    Uuid,
    String,
    String,
    Vec<u8>,
    String,
    Value,
    Vec<u8>,
    Value,
);

type ClaimedColumns = (
    TargetColumns,
    (sql_types::Text, sql_types::Integer, sql_types::Bool),
);

/// `$which` are grants to be ended that nobody holds. A refresh under way ends first.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "
            WITH due AS (
                SELECT id FROM grants
                WHERE revoke_at <= ?1 AND (leased_until IS NULL OR leased_until <= ?1) AND ",
            $which,
            " FOR UPDATE SKIP LOCKED
            )
            UPDATE grants g
            SET revoke_at = ?2, revoke_attempts = g.revoke_attempts + 1
            FROM due, oauth_apps a
            WHERE g.id = due.id AND a.id = g.oauth_app_id
            RETURNING ",
            target_columns!(),
            ", g.ended_reason, g.revoke_attempts,
            EXISTS (SELECT FROM credentials c
                    WHERE c.oauth_app_id = g.oauth_app_id AND c.kind = g.kind AND c.external_id = g.external_id)"
        )
    };
}

struct ClaimDue;

impl Statement for ClaimDue {
    const SQL: &'static str = claim!("true ORDER BY revoke_at LIMIT ?3");
    type Row = ClaimedColumns;
}

struct ClaimOne;

impl Statement for ClaimOne {
    const SQL: &'static str = claim!("id = ?3");
    type Row = ClaimedColumns;
}

struct Finish;

impl Statement for Finish {
    // The attempt is the fence: a claim that took too long, and was claimed anew, finishes nothing.
    const SQL: &'static str = "
        WITH erased AS (
            DELETE FROM grants
            WHERE id = ?1 AND revoke_attempts = ?2 AND revoke_at IS NOT NULL AND ?3 IS NULL
            RETURNING *
        ), postponed AS (
            UPDATE grants SET revoke_at = ?3
            WHERE id = ?1 AND revoke_attempts = ?2 AND revoke_at IS NOT NULL AND ?3 IS NOT NULL
            RETURNING *
        ), ended AS (
            SELECT g.*, EXISTS (SELECT FROM events e
                                WHERE e.credential_id = g.ended_credential_id AND e.kind = 'credential.deleted') AS is_told
            FROM (SELECT * FROM erased UNION ALL SELECT * FROM postponed) g
        ), told AS (
            INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
            SELECT ?4, account_id, CASE WHEN is_told THEN 'credential.revoked' ELSE 'credential.deleted' END,
                   ended_credential_id, oauth_app_id,
                   jsonb_build_object('provider', provider, 'kind', kind, 'external_id', external_id, 'revocation', ?5::jsonb),
                   ?7
            FROM ended
            WHERE ended_credential_id IS NOT NULL AND ended_reason IN ('deleted', 'app_removed')
              AND (NOT is_told OR ?6)
        )
        SELECT id FROM ended";
    type Row = sql_types::Uuid;
}

struct LeaseCredential;

impl Statement for LeaseCredential {
    const SQL: &'static str = concat!(
        "
        UPDATE grants g
        SET lease_id = ?3, leased_until = ?5
        FROM credentials c, oauth_apps a
        WHERE c.id = ?1 AND c.account_id = ?2 AND g.id = c.grant_id AND a.id = g.oauth_app_id
          AND (g.leased_until IS NULL OR g.leased_until <= ?4)
        RETURNING ",
        target_columns!()
    );
    type Row = TargetColumns;
}

struct MarkRevoked;

impl Statement for MarkRevoked {
    const SQL: &'static str = "
        WITH marked AS (
            UPDATE credentials c
            SET health_status = 'error', health_notes = jsonb_build_array(?4), health_at = ?5,
                revision = c.revision + 1, updated_at = ?5
            FROM grants g
            WHERE c.id = ?1 AND c.grant_id = ?2 AND g.id = ?2 AND g.lease_id = ?3
            RETURNING c.id, c.account_id, c.oauth_app_id, c.provider, c.kind, c.external_id, c.grant_id
        ), released AS (
            UPDATE grants g
            SET lease_id = NULL, leased_until = NULL, refresh_at = NULL, retry_at = NULL
            FROM marked
            WHERE g.id = marked.grant_id
        ), told AS (
            INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
            SELECT ?6, account_id, 'credential.revoked', id, oauth_app_id,
                   jsonb_build_object('provider', provider, 'kind', kind, 'external_id', external_id, 'revocation', ?7::jsonb),
                   ?5
            FROM marked
        ), audited AS (
            INSERT INTO audit_events (id, account_id, actor_kind, actor_id, action, subject_id, detail, created_at)
            SELECT ?8, account_id, ?9, ?10, 'credential.revoked', id,
                   jsonb_build_object('provider', provider, 'kind', kind, 'external_id', external_id), ?5
            FROM marked
        )
        SELECT id FROM marked";
    type Row = sql_types::Uuid;
}

struct ReleaseLease;

impl Statement for ReleaseLease {
    const SQL: &'static str = "
        UPDATE grants SET lease_id = NULL, leased_until = NULL
        WHERE id = ?1 AND lease_id = ?2
        RETURNING id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Claims grants that are due to be revoked, the longest waiting first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_revocations(
        &self,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<ClaimedRevocation>, StoreError> {
        let rows: Vec<(TargetRow, (String, i32, bool))> = statement::<ClaimDue>(vec![
            Bind::Time(now),
            Bind::Time(now + CLAIM),
            Bind::BigInt(limit),
        ])
        .load(&mut self.write().await?)
        .await?;
        rows.into_iter().map(claimed).collect()
    }

    /// Claims one grant that is due to be revoked; none if somebody else has it, or had it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_revocation(
        &self,
        grant: GrantId,
        now: DateTime<Utc>,
    ) -> Result<Option<ClaimedRevocation>, StoreError> {
        let row: Option<(TargetRow, (String, i32, bool))> = statement::<ClaimOne>(vec![
            Bind::Time(now),
            Bind::Time(now + CLAIM),
            Bind::Uuid(grant.uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(claimed).transpose()
    }

    /// Ends a claim: erases the grant, or has it claimed again later; and tells what became of it
    /// where a credential was under it. A removed app goes with its last grant. `false` if the claim
    /// was not the caller's any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_revocation(
        &self,
        claim: &ClaimedRevocation,
        finished: &FinishedRevocation,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let revocation = &finished.revocation;
        let mut connection = self.write().await?;
        let ended: Option<Uuid> = statement::<Finish>(vec![
            Bind::Uuid(claim.target.grant_id.uuid()),
            Bind::Int(claim.attempt),
            Bind::MaybeTime(finished.again_at),
            Bind::Uuid(EventId::generate(now, self.random.as_ref()).uuid()),
            Bind::Json(json!(revocation)),
            Bind::Bool(revocation.outcome == RevocationOutcome::Revoked),
            Bind::Time(now),
        ])
        .get_result(&mut connection)
        .await
        .optional()?;
        if ended.is_some() && finished.again_at.is_none() {
            drop_removed_app(&mut connection, claim.target.oauth_app_id).await?;
        }
        Ok(ended.is_some())
    }

    /// Takes the lease of a credential's grant, so that no refresh runs while it is revoked. None if
    /// the account has no such credential, or a refresh of it is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_revocation(
        &self,
        account: AccountId,
        credential: CredentialId,
        now: DateTime<Utc>,
    ) -> Result<Option<(LeaseId, RevocationTarget)>, StoreError> {
        let lease = LeaseId::generate(now, self.random.as_ref());
        let row: Option<TargetRow> = statement::<LeaseCredential>(vec![
            Bind::Uuid(credential.uuid()),
            Bind::Uuid(account.uuid()),
            Bind::Uuid(lease.uuid()),
            Bind::Time(now),
            Bind::Time(now + CLAIM),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|row| Ok((lease, target(row)?))).transpose()
    }

    /// Marks a credential whose grant the provider has ended, under the lease: in health `error`
    /// with this note, and never refreshed again. `false` if the lease is not the caller's any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_revoked(
        &self,
        credential: CredentialId,
        (lease, grant): (LeaseId, GrantId),
        note: &str,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let random = self.random.as_ref();
        let revocation = Revocation {
            outcome: RevocationOutcome::Revoked,
            detail: None,
        };
        let marked: Option<Uuid> = statement::<MarkRevoked>(vec![
            Bind::Uuid(credential.uuid()),
            Bind::Uuid(grant.uuid()),
            Bind::Uuid(lease.uuid()),
            Bind::Text(note.to_owned()),
            Bind::Time(now),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Json(json!(revocation)),
            Bind::Uuid(AuditEventId::generate(now, random).uuid()),
            Bind::Text(actor.kind().to_owned()),
            Bind::MaybeUuid(actor.id()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(marked.is_some())
    }

    /// Gives a lease back, with nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_lease(&self, grant: GrantId, lease: LeaseId) -> Result<(), StoreError> {
        let _: Option<Uuid> =
            statement::<ReleaseLease>(vec![Bind::Uuid(grant.uuid()), Bind::Uuid(lease.uuid())])
                .get_result(&mut self.write().await?)
                .await
                .optional()?;
        Ok(())
    }
}

fn claimed(
    (row, (reason, attempt, is_superseded)): (TargetRow, (String, i32, bool)),
) -> Result<ClaimedRevocation, StoreError> {
    Ok(ClaimedRevocation {
        target: target(row)?,
        reason: EndReason::parse(&reason).ok_or(StoreError::Corrupt {
            table: "grants",
            column: "ended_reason",
        })?,
        attempt,
        is_superseded,
    })
}

fn target(
    (
        grant_id,
        account_id,
        oauth_app_id,
        provider,
        client_id,
        client_secret,
        external_id,
        public,
        secrets,
        values,
    ): TargetRow,
) -> Result<RevocationTarget, StoreError> {
    Ok(RevocationTarget {
        grant_id: grant_id.into(),
        account_id: account_id.into(),
        oauth_app_id: oauth_app_id.into(),
        provider: slug("grants", &provider)?,
        client_id,
        sealed_client_secret: Sealed::from_bytes(client_secret),
        external_id,
        public: object("grants", "properties", public)?,
        sealed_secrets: Sealed::from_bytes(secrets),
        variables: variables(values)?,
    })
}
