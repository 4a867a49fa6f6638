//! The right to refresh a grant, for a while: of any number of callers one gets it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, CredentialId, GrantId, LeaseId, OauthAppId},
    provider::ProviderSlug,
    scope::Scopes,
    sealed::Sealed,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError, StoredCredential,
    authorization_sessions::variables,
    column::object,
    oauth_apps::{scopes, slug},
    statement::{Bind, Statement, statement},
};

/// How long a lease holds: a call to a provider takes 10 seconds at most, and the rest is for the
/// database to come back in.
pub const LEASE: TimeDelta = TimeDelta::seconds(30);

/// A grant that whoever holds this refreshes, and nobody else: only the store makes one.
#[derive(Debug)]
#[non_exhaustive]
pub struct LeasedRefresh {
    /// What tells this lease from later ones.
    pub lease_id: LeaseId,
    /// When it began.
    pub leased_at: DateTime<Utc>,
    /// When somebody else may take it.
    pub leased_until: DateTime<Utc>,
    /// The grant, which the seal is bound to.
    pub grant_id: GrantId,
    /// The tenant.
    pub account_id: AccountId,
    /// The credential whose newest grant it is.
    pub credential_id: CredentialId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// The provider.
    pub provider: ProviderSlug,
    /// The provider's client id.
    pub client_id: String,
    /// The provider's client secret.
    pub sealed_client_secret: Sealed,
    /// The external account, as the sealed secrets must repeat it.
    pub external_id: String,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<String>,
    /// The granted scopes.
    pub scopes: Option<Scopes>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// Failed refreshes since the last that succeeded.
    pub failures: u32,
    /// An earlier refresh was sent at this time, and its answer never came.
    pub unanswered_at: Option<DateTime<Utc>>,
}

// A lease that is there and over was left by a gateway that died, or lost its database: whatever
// the provider answered it is lost.
macro_rules! take_lease {
    ($due:literal) => {
        concat!(
            "
            UPDATE grants g
            SET lease_id = gen_random_uuid(), leased_until = ?2,
                unanswered_at = CASE WHEN g.lease_id IS NULL THEN g.unanswered_at
                                     ELSE coalesce(g.unanswered_at, g.leased_until - interval '30 seconds') END
            FROM ", $due, " due JOIN oauth_apps a ON a.id = due.oauth_app_id
            WHERE g.id = due.grant_id"
        )
    };
}

macro_rules! leased {
    () => {
        "
            RETURNING g.lease_id, g.id, g.account_id, due.id, a.id, a.provider, a.client_id, a.sealed_client_secret,
                      g.external_id, g.properties, g.sealed_secrets, g.variables, g.token_type, g.scope,
                      g.refresh_expires_at, g.refresh_failures, g.unanswered_at"
    };
}

type Leased = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Text,
    Text,
    Binary,
    Text,
    Jsonb,
    Binary,
    Jsonb,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Integer,
    Nullable<Timestamptz>,
);

struct LeaseOne;

impl Statement for LeaseOne {
    // The credential is locked before the grant, as everywhere: and so it is judged as it is when
    // the lock is there, not as it was when the statement began. The tokens must still be those that
    // the caller saw: whoever saw older ones waited while somebody else refreshed.
    const SQL: &'static str = concat!(
        "
        WITH due AS (
            SELECT id, grant_id, oauth_app_id FROM credentials
            WHERE id = ?3 AND account_id = ?4 AND health_status <> 'error'
            FOR NO KEY UPDATE
        )",
        take_lease!("due"),
        "
              AND g.sealed_secrets = ?5
              AND (g.lease_id IS NULL OR g.leased_until <= ?1)
              AND (?6 OR g.retry_at IS NULL OR g.retry_at <= ?1)",
        leased!()
    );
    type Row = Leased;
}

struct LeaseDue;

impl Statement for LeaseDue {
    // A grant without a credential is under a code that nobody has redeemed yet, or is to be revoked.
    // What must not be taken is asked in a CASE, which the planner does not estimate: it takes the
    // conditions for so rare that it would read and sort all that is due, for each lease anew.
    const SQL: &'static str = concat!(
        "
        WITH due AS (
            SELECT c.id, c.grant_id, c.oauth_app_id
            FROM grants g JOIN credentials c ON c.grant_id = g.id
            WHERE g.provider = ?3 AND g.refresh_at <= ?1
              AND CASE WHEN g.retry_at > ?1 OR g.leased_until > ?1 OR g.oauth_app_id = ANY (?4) THEN false ELSE true END
              AND c.health_status <> 'error'
            ORDER BY g.refresh_at
            LIMIT ?5
            FOR NO KEY UPDATE OF c, g SKIP LOCKED
        )",
        take_lease!("due"),
        leased!()
    );
    type Row = Leased;
}

struct ListDueProviders;

impl Statement for ListDueProviders {
    // The first of each in the order of the index: an EXISTS would read all that is due, and join.
    const SQL: &'static str = "
        SELECT known.slug
        FROM unnest(?1) AS known (slug),
             LATERAL (SELECT FROM grants g WHERE g.provider = known.slug AND g.refresh_at <= ?2
                      ORDER BY g.refresh_at LIMIT 1) due";
    type Row = Text;
}

#[derive(Queryable)]
struct Row {
    lease_id: Uuid,
    grant_id: Uuid,
    account_id: Uuid,
    credential_id: Uuid,
    oauth_app_id: Uuid,
    provider: String,
    client_id: String,
    sealed_client_secret: Vec<u8>,
    external_id: String,
    public: Value,
    sealed_secrets: Vec<u8>,
    variables: Value,
    token_type: Option<String>,
    scope: Option<String>,
    refresh_expires_at: Option<DateTime<Utc>>,
    failures: i32,
    unanswered_at: Option<DateTime<Utc>>,
}

fn lease(row: Row, now: DateTime<Utc>) -> Result<LeasedRefresh, StoreError> {
    Ok(LeasedRefresh {
        lease_id: row.lease_id.into(),
        leased_at: now,
        leased_until: now + LEASE,
        grant_id: row.grant_id.into(),
        account_id: row.account_id.into(),
        credential_id: row.credential_id.into(),
        oauth_app_id: row.oauth_app_id.into(),
        provider: slug("oauth_apps", &row.provider)?,
        client_id: row.client_id,
        sealed_client_secret: Sealed::from_bytes(row.sealed_client_secret),
        external_id: row.external_id,
        public: object("grants", "properties", row.public)?,
        sealed_secrets: Sealed::from_bytes(row.sealed_secrets),
        variables: variables(row.variables)?,
        token_type: row.token_type,
        scopes: row
            .scope
            .as_deref()
            .map(|text| scopes("grants", text))
            .transpose()?,
        refresh_expires_at: row.refresh_expires_at,
        failures: u32::try_from(row.failures).unwrap_or_default(),
        unanswered_at: row.unanswered_at,
    })
}

impl Store {
    /// Leases the grant of a credential, as the caller saw it.
    ///
    /// `None` if somebody else holds the lease, or has refreshed it or brought another grant
    /// meanwhile; if the credential must be reconnected; and, unless it is `forced`, before the time
    /// to try again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_refresh(
        &self,
        seen: &StoredCredential,
        forced: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<LeasedRefresh>, StoreError> {
        let row: Option<Row> = statement::<LeaseOne>(vec![
            Bind::Time(now),
            Bind::Time(now + LEASE),
            Bind::Uuid(seen.id.uuid()),
            Bind::Uuid(seen.account_id.uuid()),
            Bind::Bytes(seen.sealed_secrets.as_bytes().to_vec()),
            Bind::Bool(forced),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|row| lease(row, now)).transpose()
    }

    /// Leases grants of a provider that are due, the longest overdue first; none of these apps.
    /// Several gateways share the work.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_due_refreshes(
        &self,
        provider: &ProviderSlug,
        except: &[OauthAppId],
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<LeasedRefresh>, StoreError> {
        let rows: Vec<Row> = statement::<LeaseDue>(vec![
            Bind::Time(now),
            Bind::Time(now + LEASE),
            Bind::Text(provider.as_str().to_owned()),
            Bind::Uuids(except.iter().map(|app| app.uuid()).collect()),
            Bind::BigInt(limit),
        ])
        .load(&mut self.write().await?)
        .await?;
        rows.into_iter().map(|row| lease(row, now)).collect()
    }

    /// Which of these providers have a grant that is due, or overdue and under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_due_providers(
        &self,
        providers: &[ProviderSlug],
        now: DateTime<Utc>,
    ) -> Result<Vec<ProviderSlug>, StoreError> {
        let slugs = providers.iter().map(|slug| slug.as_str().to_owned());
        let due: Vec<String> =
            statement::<ListDueProviders>(vec![Bind::Texts(slugs.collect()), Bind::Time(now)])
                .load(&mut self.read().await?)
                .await?;
        due.iter().map(|text| slug("grants", text)).collect()
    }
}
