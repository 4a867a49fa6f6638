//! What time makes obsolete, in batches that several gateways can share.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, GrantId, OauthAppId},
    provider::ProviderSlug,
    sealed::Sealed,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::variables,
    column::object,
    oauth_apps::slug,
    schema::{console_sessions, setup_links, start_links},
    statement::{Bind, Statement, statement},
};

/// How long the flow log reaches back.
const FLOW_LOG: TimeDelta = TimeDelta::days(30);
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
    /// Console sessions, set-up links and start links that ended; link sessions a week later.
    pub others: usize,
}

/// A grant whose code nobody redeemed: erased here, to be revoked at the provider by the caller.
#[derive(Debug, Clone)]
pub struct Unredeemed {
    /// Its id, which the seal is bound to.
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
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// Whether the same external account has a credential of the same app. At several providers a
    /// revocation ends all of an account's grants to an app, and would take that one along.
    pub is_connected: bool,
}

struct EraseSessionSecrets;

impl Statement for EraseSessionSecrets {
    const SQL: &'static str = "
        UPDATE authorization_sessions s
        SET sealed_secrets = NULL, sealed_response = NULL
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

struct TakeUnredeemed;

impl Statement for TakeUnredeemed {
    const SQL: &'static str = "
        DELETE FROM grants g
        USING (SELECT c.grant_id FROM authorization_codes c
               WHERE c.redeemed_at IS NULL AND c.grant_id IS NOT NULL AND c.expires_at < ?1
               ORDER BY c.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED) due,
              oauth_apps a
        WHERE g.id = due.grant_id AND a.id = g.oauth_app_id
        RETURNING g.id, g.account_id, a.id, a.provider, a.client_id, a.sealed_client_secret,
                  g.properties, g.sealed_secrets, g.variables,
                  EXISTS (SELECT FROM credentials c
                          WHERE c.oauth_app_id = g.oauth_app_id AND c.kind = g.kind AND c.external_id = g.external_id)";
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Text,
        sql_types::Binary,
        sql_types::Jsonb,
        sql_types::Binary,
        sql_types::Jsonb,
        sql_types::Bool,
    );
}

#[derive(Queryable)]
struct UnredeemedRow {
    grant_id: Uuid,
    account_id: Uuid,
    oauth_app_id: Uuid,
    provider: String,
    client_id: String,
    sealed_client_secret: Vec<u8>,
    properties: Value,
    sealed_secrets: Vec<u8>,
    variables: Value,
    is_connected: bool,
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
        let links: Vec<Uuid> =
            statement::<DeleteOldLinkSessions>(vec![Bind::Time(now - LINK_SESSIONS)])
                .load(&mut connection)
                .await?;
        Ok(Erased {
            session_secrets: secrets.len(),
            flows: flows.len(),
            others: sessions + setups + starts + links.len(),
        })
    }

    /// Erases one batch of grants whose code nobody redeemed, and hands them out for revocation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_unredeemed_grants(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<Unredeemed>, StoreError> {
        let rows: Vec<UnredeemedRow> = statement::<TakeUnredeemed>(vec![Bind::Time(now - GRACE)])
            .load(&mut self.write().await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Unredeemed {
                    grant_id: row.grant_id.into(),
                    account_id: row.account_id.into(),
                    oauth_app_id: row.oauth_app_id.into(),
                    provider: slug("oauth_apps", &row.provider)?,
                    client_id: row.client_id,
                    sealed_client_secret: Sealed::from_bytes(row.sealed_client_secret),
                    public: object("grants", "properties", row.properties)?,
                    sealed_secrets: Sealed::from_bytes(row.sealed_secrets),
                    variables: variables(row.variables)?,
                    is_connected: row.is_connected,
                })
            })
            .collect()
    }
}

/// The smallest version 7 UUID of a moment.
pub(crate) fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}
