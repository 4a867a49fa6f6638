//! Hosted pages that client backends ask for, each for one end user and one connection.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    credential::EndUser,
    ids::{AccountId, CredentialId, LinkSessionId, OauthAppId},
    opaque::{Digest, LinkSessionToken},
    provider::ProviderSlug,
    scope::Scopes,
    sealed::Sealed,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    authorization_sessions::{json as values, variables},
    column::object,
    oauth_apps::{scopes, slug},
    schema::{link_session_apps, link_sessions},
    statement::{Bind, Statement, statement},
};

/// A session to store.
#[derive(Debug, Clone)]
pub struct NewLinkSession {
    /// Its id.
    pub id: LinkSessionId,
    /// The tenant.
    pub account_id: AccountId,
    /// What the database knows of its token.
    pub digest: Digest<LinkSessionToken>,
    /// What it offers.
    pub oauth_app_ids: Vec<OauthAppId>,
    /// Where its flows end, as the client backend wrote it; none: on a hosted page.
    pub redirect_uri: Option<String>,
    /// The client's `state`.
    pub sealed_state: Option<Sealed>,
    /// Scopes to ask for.
    pub scopes: Option<Scopes>,
    /// Variables of its providers.
    pub variables: BTreeMap<String, String>,
    /// Whom it is for.
    pub end_user: EndUser,
    /// What the client keeps with the credential.
    pub metadata: Option<Map<String, Value>>,
    /// The credential to reconnect.
    pub credential_id: Option<CredentialId>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A session, whatever became of it.
#[derive(Debug, Clone)]
pub struct LinkSession {
    /// Its id.
    pub id: LinkSessionId,
    /// The tenant.
    pub account_id: AccountId,
    /// The tenant's name.
    pub account_name: String,
    /// Where its flows end, as the client backend wrote it; none: on a hosted page.
    pub redirect_uri: Option<String>,
    /// The client's `state`.
    pub sealed_state: Option<Sealed>,
    /// Scopes to ask for.
    pub scopes: Option<Scopes>,
    /// Variables of its providers.
    pub variables: BTreeMap<String, String>,
    /// Whom it is for.
    pub end_user: EndUser,
    /// What the client keeps with the credential.
    pub metadata: Option<Map<String, Value>>,
    /// The credential to reconnect; of a used session, the one that was made of it.
    pub credential: Option<LinkedCredential>,
    /// What it offers, by provider and name.
    pub apps: Vec<LinkSessionApp>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When a connection was made of it.
    pub used_at: Option<DateTime<Utc>>,
}

/// The credential of a session.
#[derive(Debug, Clone)]
pub struct LinkedCredential {
    /// Its id.
    pub id: CredentialId,
    /// The provider.
    pub provider: ProviderSlug,
    /// Name of its external account, where the provider tells one.
    pub label: Option<String>,
    /// The variables that it was connected with.
    pub variables: BTreeMap<String, String>,
}

/// An OAuth app that a session offers.
#[derive(Debug, Clone)]
pub struct LinkSessionApp {
    /// Its id.
    pub id: OauthAppId,
    /// The provider.
    pub provider: ProviderSlug,
    /// The app's name.
    pub name: String,
}

/// What a session is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkSessionStatus {
    /// A connection can be made.
    Open,
    /// A connection was made.
    Used,
    /// Its time is over.
    Expired,
}

impl LinkSessionStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }
}

impl LinkSession {
    /// What it is good for now.
    pub fn status(&self, now: DateTime<Utc>) -> LinkSessionStatus {
        if self.used_at.is_some() {
            LinkSessionStatus::Used
        } else if self.expires_at > now {
            LinkSessionStatus::Open
        } else {
            LinkSessionStatus::Expired
        }
    }
}

macro_rules! select {
    ($filter:literal) => {
        concat!(
            "SELECT l.id, l.account_id, t.name, l.redirect_uri, l.sealed_state, l.scope, l.variables,
                    l.end_user_id, l.end_user_email, l.end_user_name, l.metadata,
                    c.id, c.provider, g.external_label, g.variables,
                    coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.provider, a.name)
                                               ORDER BY a.provider, a.name, a.id)
                              FROM link_session_apps x JOIN oauth_apps a ON a.id = x.oauth_app_id
                              WHERE x.link_session_id = l.id AND a.removed_at IS NULL), '[]'),
                    l.created_at, l.expires_at, l.used_at
             FROM link_sessions l
             JOIN accounts t ON t.id = l.account_id
             LEFT JOIN credentials c ON c.id = l.credential_id
             LEFT JOIN grants g ON g.id = c.grant_id
             WHERE ",
            $filter
        )
    };
}

type Columns = (
    sql_types::Uuid,
    sql_types::Uuid,
    sql_types::Text,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Binary>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Jsonb,
    sql_types::Text,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Jsonb>,
    sql_types::Nullable<sql_types::Uuid>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Text>,
    sql_types::Nullable<sql_types::Jsonb>,
    sql_types::Jsonb,
    sql_types::Timestamptz,
    sql_types::Timestamptz,
    sql_types::Nullable<sql_types::Timestamptz>,
);

struct FindByToken;

impl Statement for FindByToken {
    const SQL: &'static str = select!("l.token_digest = ?1");
    type Row = Columns;
}

struct FindOfAccount;

impl Statement for FindOfAccount {
    const SQL: &'static str = select!("l.id = ?1 AND l.account_id = ?2");
    type Row = Columns;
}

#[derive(Queryable)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    account_name: String,
    redirect_uri: Option<String>,
    sealed_state: Option<Vec<u8>>,
    scope: Option<String>,
    variables: Value,
    end_user_id: String,
    end_user_email: Option<String>,
    end_user_name: Option<String>,
    metadata: Option<Value>,
    credential_id: Option<Uuid>,
    credential_provider: Option<String>,
    credential_label: Option<String>,
    credential_variables: Option<Value>,
    apps: Value,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

fn apps(column: Value) -> Result<Vec<LinkSessionApp>, StoreError> {
    let found: Vec<(Uuid, String, String)> =
        serde_json::from_value(column).map_err(|_| StoreError::Corrupt {
            table: "link_session_apps",
            column: "oauth_app_id",
        })?;
    let app = |(id, provider, name): (Uuid, String, String)| {
        Ok(LinkSessionApp {
            id: id.into(),
            provider: slug("oauth_apps", &provider)?,
            name,
        })
    };
    found.into_iter().map(app).collect()
}

impl TryFrom<Row> for LinkSession {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let credential = match (row.credential_id, row.credential_provider) {
            (Some(id), Some(provider)) => Some(LinkedCredential {
                id: id.into(),
                provider: slug("credentials", &provider)?,
                label: row.credential_label,
                variables: variables(row.credential_variables.unwrap_or_else(|| json!({})))?,
            }),
            _ => None,
        };
        Ok(Self {
            id: row.id.into(),
            account_id: row.account_id.into(),
            account_name: row.account_name,
            redirect_uri: row.redirect_uri,
            sealed_state: row.sealed_state.map(Sealed::from_bytes),
            scopes: row
                .scope
                .as_deref()
                .map(|text| scopes("link_sessions", text))
                .transpose()?,
            variables: variables(row.variables)?,
            end_user: EndUser {
                id: row.end_user_id,
                email: row.end_user_email,
                name: row.end_user_name,
            },
            metadata: row
                .metadata
                .map(|value| object("link_sessions", "metadata", value))
                .transpose()?,
            credential,
            apps: apps(row.apps)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
        })
    }
}

impl Store {
    /// Stores a session and what it offers.
    ///
    /// # Errors
    /// [`crate::Conflict::Missing`] if an app or the credential was removed in this moment.
    pub async fn insert_link_session(
        &self,
        new: &NewLinkSession,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let random = self.random.as_ref();
        let event = AuditEvent {
            account_id: Some(new.account_id),
            actor,
            action: "link_session.created",
            subject: Some(new.id.uuid()),
            detail: json!({
                "oauth_apps": new.oauth_app_ids,
                "end_user": new.end_user.id,
                "credential": new.credential_id,
            }),
        };
        let apps: Vec<_> = new
            .oauth_app_ids
            .iter()
            .map(|app| {
                (
                    link_session_apps::link_session_id.eq(new.id.uuid()),
                    link_session_apps::oauth_app_id.eq(app.uuid()),
                )
            })
            .collect();
        self.write()
            .await?
            .transaction(async |connection| {
                diesel::insert_into(link_sessions::table)
                    .values((
                        link_sessions::id.eq(new.id.uuid()),
                        link_sessions::account_id.eq(new.account_id.uuid()),
                        link_sessions::token_digest.eq(new.digest.as_bytes()),
                        link_sessions::redirect_uri.eq(&new.redirect_uri),
                        link_sessions::sealed_state
                            .eq(new.sealed_state.as_ref().map(Sealed::as_bytes)),
                        link_sessions::scope.eq(new.scopes.as_ref().map(ToString::to_string)),
                        link_sessions::variables.eq(values(&new.variables)),
                        link_sessions::end_user_id.eq(&new.end_user.id),
                        link_sessions::end_user_email.eq(&new.end_user.email),
                        link_sessions::end_user_name.eq(&new.end_user.name),
                        link_sessions::metadata.eq(new.metadata.clone().map(Value::Object)),
                        link_sessions::credential_id.eq(new.credential_id.map(CredentialId::uuid)),
                        link_sessions::created_at.eq(new.created_at),
                        link_sessions::expires_at.eq(new.expires_at),
                    ))
                    .execute(connection)
                    .await?;
                diesel::insert_into(link_session_apps::table)
                    .values(apps)
                    .execute(connection)
                    .await?;
                audit_events::insert(connection, random, &event, new.created_at).await
            })
            .await?;
        Ok(())
    }

    /// The session of that token, whatever became of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_link_session(
        &self,
        digest: Digest<LinkSessionToken>,
    ) -> Result<Option<LinkSession>, StoreError> {
        let row: Option<Row> =
            statement::<FindByToken>(vec![Bind::Bytes(digest.as_bytes().to_vec())])
                .get_result(&mut self.read().await?)
                .await
                .optional()?;
        row.map(LinkSession::try_from).transpose()
    }

    /// A session of this account, whatever became of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_link_session_of(
        &self,
        account: AccountId,
        id: LinkSessionId,
    ) -> Result<Option<LinkSession>, StoreError> {
        let row: Option<Row> =
            statement::<FindOfAccount>(vec![Bind::Uuid(id.uuid()), Bind::Uuid(account.uuid())])
                .get_result(&mut self.read().await?)
                .await
                .optional()?;
        row.map(LinkSession::try_from).transpose()
    }
}
