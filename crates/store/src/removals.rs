//! Deleting credentials and removing OAuth apps. What they were granted stays until the provider was
//! asked to end it: see `revocations`.
//!
//! Whoever locks several of these rows does it in one order, so that nobody waits in a circle: the
//! app, its flows, their codes, credentials, grants.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    Random,
    audit::{Actor, AuditEvent},
    event::{EventKind, NewEvent},
    ids::{AccountId, AuditEventId, CredentialId, GrantId, OauthAppId},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events, events,
    schema::{authorization_codes, credentials, link_session_apps, oauth_apps, start_links},
    statement::{Bind, Statement, statement},
};

/// What became of the deletion of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Gone; this grant waits to be revoked.
    Deleted(GrantId),
    /// The account has no such credential.
    Unknown,
    /// It is not at the revision that the caller expected.
    Changed,
}

/// What became of the removal of an OAuth app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Gone for everybody.
    Removed,
    /// The account has no such app.
    Unknown,
    /// So many credentials still need it.
    InUse(i64),
    /// It is not at the revision that the caller expected.
    Changed,
}

struct DeleteCredential;

impl Statement for DeleteCredential {
    // The grant keeps its lease: a refresh under way ends first, and the newest tokens are revoked.
    const SQL: &'static str = "
        WITH deleted AS (
            DELETE FROM credentials
            WHERE id = ?1 AND account_id = ?2 AND (?3 IS NULL OR revision = ?3)
            RETURNING id, account_id, provider, kind, external_id, grant_id
        ), ended AS (
            UPDATE grants g
            SET revoke_at = ?4, ended_reason = 'deleted', ended_credential_id = deleted.id, refresh_at = NULL
            FROM deleted
            WHERE g.id = deleted.grant_id
        ), audited AS (
            INSERT INTO audit_events (id, account_id, actor_kind, actor_id, action, subject_id, detail, created_at)
            SELECT ?5, account_id, ?6, ?7, 'credential.deleted', id,
                   jsonb_build_object('provider', provider, 'kind', kind, 'external_id', external_id), ?4
            FROM deleted
        )
        SELECT (SELECT grant_id FROM deleted),
               EXISTS (SELECT FROM credentials WHERE id = ?1 AND account_id = ?2)";
    type Row = (sql_types::Nullable<sql_types::Uuid>, sql_types::Bool);
}

struct EndFlows;

impl Statement for EndFlows {
    const SQL: &'static str = "
        UPDATE authorization_sessions
        SET failed_at = ?2, failed_step = CASE WHEN claimed_at IS NULL THEN 'callback' ELSE 'complete' END,
            error = 'server_error', error_description = 'The app is no longer registered.',
            error_detail = 'the app was removed', sealed_secrets = NULL, sealed_response = NULL, sealed_choice = NULL
        WHERE oauth_app_id = ?1 AND completed_at IS NULL AND failed_at IS NULL
        RETURNING id";
    type Row = sql_types::Uuid;
}

struct EndGrants;

impl Statement for EndGrants {
    // The grants of credentials, and those under codes that nobody will redeem now.
    const SQL: &'static str = "
        WITH deleted AS (
            DELETE FROM credentials WHERE oauth_app_id = ?1 RETURNING id, grant_id
        )
        UPDATE grants g
        SET revoke_at = ?2, ended_reason = 'app_removed', refresh_at = NULL,
            ended_credential_id = (SELECT deleted.id FROM deleted WHERE deleted.grant_id = g.id)
        WHERE g.oauth_app_id = ?1 AND g.revoke_at IS NULL
        RETURNING g.id";
    type Row = sql_types::Uuid;
}

struct DropRemovedApp;

impl Statement for DropRemovedApp {
    const SQL: &'static str = "
        DELETE FROM oauth_apps a
        WHERE a.id = ?1 AND a.removed_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM grants g WHERE g.oauth_app_id = a.id)
        RETURNING a.id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Deletes a credential, at the expected revision if one is given. Its grant is left to be
    /// revoked, and the event `credential.deleted` follows when the provider was asked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_credential(
        &self,
        account: AccountId,
        id: CredentialId,
        expected: Option<i64>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Deletion, StoreError> {
        let (grant, was_there): (Option<Uuid>, bool) = statement::<DeleteCredential>(vec![
            Bind::Uuid(id.uuid()),
            Bind::Uuid(account.uuid()),
            Bind::MaybeBigInt(expected),
            Bind::Time(now),
            Bind::Uuid(AuditEventId::generate(now, self.random.as_ref()).uuid()),
            Bind::Text(actor.kind().to_owned()),
            Bind::MaybeUuid(actor.id()),
        ])
        .get_result(&mut self.write().await?)
        .await?;
        Ok(match grant {
            Some(grant) => Deletion::Deleted(grant.into()),
            None if was_there && expected.is_some() => Deletion::Changed,
            None => Deletion::Unknown,
        })
    }

    /// Removes an app, at the expected revision if one is given; with `force` its credentials too.
    /// What it was granted is left to be revoked, its flows, codes and links end, and the row itself
    /// goes with the last grant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_oauth_app(
        &self,
        account: AccountId,
        id: OauthAppId,
        force: bool,
        expected: Option<i64>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Removal, StoreError> {
        let random = self.random.as_ref();
        let removal = self
            .write()
            .await?
            .transaction(async |connection| {
                // Waits for the flows that end just now and for redemptions: each holds the app.
                let found: Option<(String, i64)> = oauth_apps::table
                    .filter(oauth_apps::id.eq(id.uuid()))
                    .filter(oauth_apps::account_id.eq(account.uuid()))
                    .filter(oauth_apps::removed_at.is_null())
                    .select((oauth_apps::name, oauth_apps::revision))
                    .for_update()
                    .first(connection)
                    .await
                    .optional()?;
                let Some((name, revision)) = found else {
                    return Ok(Removal::Unknown);
                };
                if expected.is_some_and(|expected| expected != revision) {
                    return Ok(Removal::Changed);
                }
                let credentials: i64 = credentials::table
                    .filter(credentials::oauth_app_id.eq(id.uuid()))
                    .count()
                    .get_result(connection)
                    .await?;
                if credentials > 0 && !force {
                    return Ok(Removal::InUse(credentials));
                }
                end_app(connection, id, now).await?;
                let detail = json!({"name": name, "credentials": credentials});
                tell(connection, random, account, id, actor, &detail, now).await?;
                drop_removed_app(connection, id).await?;
                Ok::<_, diesel::result::Error>(Removal::Removed)
            })
            .await?;
        Ok(removal)
    }
}

async fn end_app(
    connection: &mut AsyncPgConnection,
    id: OauthAppId,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    diesel::update(oauth_apps::table.find(id.uuid()))
        .set((
            oauth_apps::removed_at.eq(now),
            oauth_apps::revision.eq(oauth_apps::revision + 1),
            oauth_apps::updated_at.eq(now),
        ))
        .execute(connection)
        .await?;
    let binds = || vec![Bind::Uuid(id.uuid()), Bind::Time(now)];
    let _: Vec<Uuid> = statement::<EndFlows>(binds()).load(connection).await?;
    diesel::delete(
        authorization_codes::table.filter(authorization_codes::oauth_app_id.eq(id.uuid())),
    )
    .execute(connection)
    .await?;
    diesel::delete(start_links::table.filter(start_links::oauth_app_id.eq(id.uuid())))
        .execute(connection)
        .await?;
    diesel::delete(link_session_apps::table.filter(link_session_apps::oauth_app_id.eq(id.uuid())))
        .execute(connection)
        .await?;
    let _: Vec<Uuid> = statement::<EndGrants>(binds()).load(connection).await?;
    Ok(())
}

async fn tell(
    connection: &mut AsyncPgConnection,
    random: &dyn Random,
    account: AccountId,
    id: OauthAppId,
    actor: Actor,
    detail: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    let audited = AuditEvent {
        account_id: Some(account),
        actor,
        action: "oauth_app.deleted",
        subject: Some(id.uuid()),
        detail: detail.clone(),
    };
    audit_events::insert(connection, random, &audited, now).await?;
    let told = NewEvent {
        account_id: account,
        kind: EventKind::OAUTH_APP_DELETED,
        credential_id: None,
        oauth_app_id: Some(id),
        data: detail.clone(),
    };
    events::insert(connection, random, &told, now).await
}

/// Erases an app that was removed, if no grant of it is left.
pub(crate) async fn drop_removed_app(
    connection: &mut AsyncPgConnection,
    id: OauthAppId,
) -> Result<(), diesel::result::Error> {
    let _: Option<Uuid> = statement::<DropRemovedApp>(vec![Bind::Uuid(id.uuid())])
        .get_result(connection)
        .await
        .optional()?;
    Ok(())
}
