//! Credentials with their tokens, as whoever hands them out needs them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Binary, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    api_token::ApiToken,
    audit::{Actor, AuditEvent},
    credential::CredentialKind,
    health::{Health, HealthStatus},
    ids::{AccountId, CredentialId, EventId, GrantId, OauthAppId, RefreshFamilyId},
    opaque::Digest,
    provider::ProviderSlug,
    sealed::Sealed,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    FoundApiToken, Store, StoreError, audit_events,
    authorization_sessions::variables,
    column::object,
    credentials::health,
    oauth_apps::slug,
    statement::{Bind, Statement, statement},
};

/// A credential and its newest grant, tokens sealed.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    /// Its id.
    pub id: CredentialId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app that it was granted to.
    pub oauth_app_id: OauthAppId,
    /// The provider.
    pub provider: ProviderSlug,
    /// Shape of the properties.
    pub kind: CredentialKind,
    /// The external account, as the sealed secrets must repeat it.
    pub external_id: String,
    /// Whether it works.
    pub health: Health,
    /// The newest grant, which the seal is bound to.
    pub grant_id: GrantId,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<String>,
    /// The granted scopes, space-separated.
    pub scope: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last refreshed.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// Nobody asks the provider before this.
    pub retry_at: Option<DateTime<Utc>>,
    /// Somebody refreshes it until then at the latest.
    pub leased_until: Option<DateTime<Utc>>,
}

/// What an API token asks for.
#[derive(Debug, Clone)]
pub struct CredentialRead {
    /// The token, good now; what it may do is for the caller to check.
    pub token: FoundApiToken,
    /// The credential, if the token's account has it.
    pub credential: Option<StoredCredential>,
}

macro_rules! columns {
    () => {
        "c.id, c.account_id, c.oauth_app_id, c.provider, c.kind, c.external_id, c.health_status, c.health_notes, c.health_at,
         g.id, g.properties, g.sealed_secrets, g.variables, g.token_type, g.scope, g.expires_at, g.refreshed_at,
         g.retry_at, g.leased_until"
    };
}

type Columns = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Text,
    Text,
    Text,
    Text,
    Jsonb,
    Timestamptz,
    SqlUuid,
    Jsonb,
    Binary,
    Jsonb,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
);

struct FindForToken;

impl Statement for FindForToken {
    const SQL: &'static str = concat!(
        "SELECT t.id, t.account_id, t.scope, ",
        columns!(),
        " FROM api_tokens t
          LEFT JOIN (credentials c JOIN grants g ON g.id = c.grant_id) ON c.id = ?2 AND c.account_id = t.account_id
          WHERE t.token_digest = ?1 AND (t.expires_at IS NULL OR t.expires_at > ?3)"
    );
    type Row = (SqlUuid, SqlUuid, Text, Nullable<Columns>);
}

struct FindOfAccount;

impl Statement for FindOfAccount {
    const SQL: &'static str = concat!(
        "SELECT ",
        columns!(),
        " FROM credentials c JOIN grants g ON g.id = c.grant_id
          WHERE c.id = ?1 AND c.account_id = ?2"
    );
    type Row = Columns;
}

struct FindOfEndUser;

impl Statement for FindOfEndUser {
    // Two are enough to know that there is not one.
    const SQL: &'static str = concat!(
        "SELECT ",
        columns!(),
        " FROM credentials c JOIN grants g ON g.id = c.grant_id
          WHERE c.oauth_app_id = ?1 AND c.end_user_id = ?2
          ORDER BY c.id LIMIT 2"
    );
    type Row = Columns;
}

struct FindForClient;

impl Statement for FindForClient {
    // An access token of Keyway's own is good as long as its family is: whoever revokes one need not
    // wait for the other to expire.
    const SQL: &'static str = concat!(
        "SELECT ",
        columns!(),
        " FROM credentials c
          JOIN grants g ON g.id = c.grant_id
          JOIN refresh_families f ON f.credential_id = c.id
          JOIN oauth_apps a ON a.id = f.oauth_app_id
          WHERE f.id = ?1 AND f.oauth_app_id = ?2 AND c.id = ?3 AND f.revoked_at IS NULL AND a.removed_at IS NULL"
    );
    type Row = Columns;
}

#[derive(Queryable)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    oauth_app_id: Uuid,
    provider: String,
    kind: String,
    external_id: String,
    health_status: String,
    health_notes: Value,
    health_at: DateTime<Utc>,
    grant_id: Uuid,
    public: Value,
    sealed_secrets: Vec<u8>,
    variables: Value,
    token_type: Option<String>,
    scope: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    refreshed_at: Option<DateTime<Utc>>,
    retry_at: Option<DateTime<Utc>>,
    leased_until: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for StoredCredential {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            account_id: row.account_id.into(),
            oauth_app_id: row.oauth_app_id.into(),
            provider: slug("credentials", &row.provider)?,
            kind: CredentialKind(row.kind),
            external_id: row.external_id,
            health: health(&row.health_status, row.health_notes, row.health_at)?,
            grant_id: row.grant_id.into(),
            public: object("grants", "properties", row.public)?,
            sealed_secrets: Sealed::from_bytes(row.sealed_secrets),
            variables: variables(row.variables)?,
            token_type: row.token_type,
            scope: row.scope,
            expires_at: row.expires_at,
            refreshed_at: row.refreshed_at,
            retry_at: row.retry_at,
            leased_until: row.leased_until,
        })
    }
}

/// A common table expression that tells of a change of health, if the status changed.
///
/// It reads `changed`: the columns of `credentials`, and what the status `was`. The parameters are
/// the placeholders of a fresh event id and now.
macro_rules! tell_health {
    ($event:literal, $now:literal) => {
        concat!(
            "told AS (
                INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
                SELECT ", $event, ", account_id,
                       CASE WHEN health_status = 'ok' THEN 'credential.recovered' ELSE 'credential.refresh_failed' END,
                       id, oauth_app_id,
                       jsonb_build_object('provider', provider, 'kind', kind, 'external_id', external_id, 'health',
                                          jsonb_build_object('status', health_status, 'notes', health_notes)), ", $now, "
                FROM changed
                WHERE was <> health_status
            )"
        )
    };
}

pub(crate) use tell_health;

struct NoteHealth;

impl Statement for NoteHealth {
    // What was found out holds for the grant that was looked at: a newer one is not judged by it.
    const SQL: &'static str = concat!(
        "
        WITH held AS (
            SELECT id, health_status FROM credentials WHERE id = ?1 AND grant_id = ?2 FOR NO KEY UPDATE
        ), changed AS (
            UPDATE credentials c
            SET health_status = ?3, health_notes = ?4, revision = revision + 1,
                health_at = CASE WHEN c.health_status = ?3 THEN c.health_at ELSE ?5 END
            FROM held
            WHERE c.id = held.id AND (c.health_status, c.health_notes) IS DISTINCT FROM (?3, ?4)
            RETURNING c.*, held.health_status AS was
        ), ",
        tell_health!("?6", "?5"),
        "
        SELECT id FROM held"
    );
    type Row = SqlUuid;
}

impl Store {
    /// An API token that is good now, and with it the credential of its account: one round trip.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_credential_for_read(
        &self,
        token: Digest<ApiToken>,
        id: CredentialId,
        now: DateTime<Utc>,
    ) -> Result<Option<CredentialRead>, StoreError> {
        type Found = (Uuid, Uuid, String, Option<Row>);
        let found: Option<Found> = statement::<FindForToken>(vec![
            Bind::Bytes(token.as_bytes().to_vec()),
            Bind::Uuid(id.uuid()),
            Bind::Time(now),
        ])
        .get_result(&mut self.read().await?)
        .await
        .optional()?;
        let Some((token, account, scope, row)) = found else {
            return Ok(None);
        };
        Ok(Some(CredentialRead {
            token: FoundApiToken::new(token, account, scope),
            credential: row.map(StoredCredential::try_from).transpose()?,
        }))
    }

    /// A credential of this account, with its tokens.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_stored_credential(
        &self,
        account: AccountId,
        id: CredentialId,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let row: Option<Row> =
            statement::<FindOfAccount>(vec![Bind::Uuid(id.uuid()), Bind::Uuid(account.uuid())])
                .get_result(&mut self.read().await?)
                .await
                .optional()?;
        row.map(StoredCredential::try_from).transpose()
    }

    /// The credential behind a family of tokens that has not ended, with its tokens.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_credential_of_family(
        &self,
        family: RefreshFamilyId,
        app: OauthAppId,
        credential: CredentialId,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let row: Option<Row> = statement::<FindForClient>(vec![
            Bind::Uuid(family.uuid()),
            Bind::Uuid(app.uuid()),
            Bind::Uuid(credential.uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(StoredCredential::try_from).transpose()
    }

    /// The credentials of an end user of this app, two at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_credentials_of_end_user(
        &self,
        app: OauthAppId,
        end_user: &str,
    ) -> Result<Vec<StoredCredential>, StoreError> {
        let rows: Vec<Row> = statement::<FindOfEndUser>(vec![
            Bind::Uuid(app.uuid()),
            Bind::Text(end_user.to_owned()),
        ])
        .load(&mut self.read().await?)
        .await?;
        rows.into_iter().map(StoredCredential::try_from).collect()
    }

    /// Keeps that a client got this credential's token in exchange for another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_token_exchange(
        &self,
        credential: &StoredCredential,
        app: OauthAppId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let event = AuditEvent {
            account_id: Some(credential.account_id),
            actor: Actor::Client(app),
            action: "credential.token_exchanged",
            subject: Some(credential.id.uuid()),
            detail: json!({}),
        };
        let mut connection = self.write().await?;
        Ok(audit_events::insert(&mut connection, self.random.as_ref(), &event, now).await?)
    }

    /// Keeps what was found out about a credential's grant; `false` if it has a newer one, or is
    /// gone. A change of the status is an event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_health(
        &self,
        credential: &StoredCredential,
        status: HealthStatus,
        notes: &[String],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let held: Option<Uuid> = statement::<NoteHealth>(vec![
            Bind::Uuid(credential.id.uuid()),
            Bind::Uuid(credential.grant_id.uuid()),
            Bind::Text(status.as_str().to_owned()),
            Bind::Json(json!(notes)),
            Bind::Time(now),
            Bind::Uuid(EventId::generate(now, self.random.as_ref()).uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(held.is_some())
    }
}
