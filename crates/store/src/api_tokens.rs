//! Tokens for the management API.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::{Actor, AuditEvent},
    ids::{AccountId, ApiTokenId},
    opaque::Digest,
};
use serde_json::json;

use crate::{Store, StoreError, audit_events, schema::api_tokens};

/// A token to store.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The tenant.
    pub account_id: AccountId,
    /// Name for people.
    pub name: String,
    /// What the database knows of it.
    pub digest: Digest<ApiToken>,
    /// What it may do.
    pub scopes: Vec<ApiScope>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that is good now.
#[derive(Debug, Clone)]
pub struct FoundApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// The tenant.
    pub account_id: AccountId,
    scope: String,
}

impl FoundApiToken {
    pub(crate) fn new(id: uuid::Uuid, account: uuid::Uuid, scope: String) -> Self {
        Self {
            id: id.into(),
            account_id: account.into(),
            scope,
        }
    }

    /// Whether it may do this.
    pub fn allows(&self, scope: ApiScope) -> bool {
        self.scope.split(' ').any(|held| held == scope.as_str())
    }
}

/// A token that was made, without what nobody can know of it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// Name for people.
    pub name: String,
    /// What it may do, by name.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

type IssuedRow = (
    uuid::Uuid,
    String,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
);

fn issued((id, name, scope, created_at, expires_at, last_used_at): IssuedRow) -> IssuedApiToken {
    IssuedApiToken {
        id: id.into(),
        name,
        scopes: scope.split(' ').map(str::to_owned).collect(),
        created_at,
        expires_at,
        last_used_at,
    }
}

impl Store {
    /// Stores a token.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_api_token(
        &self,
        new: &NewApiToken,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let random = self.random.as_ref();
        let event = AuditEvent {
            account_id: Some(new.account_id),
            actor,
            action: "api_token.created",
            subject: Some(new.id.uuid()),
            detail: json!({"name": new.name, "scopes": scopes}),
        };
        self.write()
            .await?
            .transaction(async |connection| {
                diesel::insert_into(api_tokens::table)
                    .values((
                        api_tokens::id.eq(new.id.uuid()),
                        api_tokens::account_id.eq(new.account_id.uuid()),
                        api_tokens::name.eq(&new.name),
                        api_tokens::token_digest.eq(new.digest.as_bytes()),
                        api_tokens::scope.eq(scopes.join(" ")),
                        api_tokens::created_at.eq(new.created_at),
                        api_tokens::expires_at.eq(new.expires_at),
                    ))
                    .execute(connection)
                    .await?;
                audit_events::insert(connection, random, &event, new.created_at).await
            })
            .await?;
        Ok(())
    }

    /// The token of that digest, unless it has ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find_api_token(
        &self,
        digest: Digest<ApiToken>,
        now: DateTime<Utc>,
    ) -> Result<Option<FoundApiToken>, StoreError> {
        let found: Option<(uuid::Uuid, uuid::Uuid, String)> = api_tokens::table
            .filter(api_tokens::token_digest.eq(digest.as_bytes()))
            .filter(
                api_tokens::expires_at
                    .is_null()
                    .or(api_tokens::expires_at.gt(now)),
            )
            .select((api_tokens::id, api_tokens::account_id, api_tokens::scope))
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(found.map(|(id, account, scope)| FoundApiToken::new(id, account, scope)))
    }

    /// The account's tokens, newest first; those that have ended too.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_api_tokens(
        &self,
        account: AccountId,
    ) -> Result<Vec<IssuedApiToken>, StoreError> {
        let rows: Vec<IssuedRow> = api_tokens::table
            .filter(api_tokens::account_id.eq(account.uuid()))
            .order(api_tokens::id.desc())
            .select((
                api_tokens::id,
                api_tokens::name,
                api_tokens::scope,
                api_tokens::created_at,
                api_tokens::expires_at,
                api_tokens::last_used_at,
            ))
            .load(&mut self.read().await?)
            .await?;
        Ok(rows.into_iter().map(issued).collect())
    }

    /// Revokes a token: it is good for nothing from now on. `false` if the account has no such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_api_token(
        &self,
        account: AccountId,
        id: ApiTokenId,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let random = self.random.as_ref();
        let deleted = self
            .write()
            .await?
            .transaction(async |connection| {
                let name: Option<String> = diesel::delete(api_tokens::table)
                    .filter(api_tokens::account_id.eq(account.uuid()))
                    .filter(api_tokens::id.eq(id.uuid()))
                    .returning(api_tokens::name)
                    .get_result(connection)
                    .await
                    .optional()?;
                if let Some(name) = &name {
                    let event = AuditEvent {
                        account_id: Some(account),
                        actor,
                        action: "api_token.revoked",
                        subject: Some(id.uuid()),
                        detail: json!({"name": name}),
                    };
                    audit_events::insert(connection, random, &event, now).await?;
                }
                Ok::<_, diesel::result::Error>(name.is_some())
            })
            .await?;
        Ok(deleted)
    }

    /// Notes that these tokens were used by now. A later use that is on record stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_api_tokens_used(
        &self,
        tokens: &[ApiTokenId],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let ids: Vec<uuid::Uuid> = tokens.iter().map(|id| id.uuid()).collect();
        let is_news = api_tokens::last_used_at
            .is_null()
            .or(api_tokens::last_used_at.lt(now));
        diesel::update(api_tokens::table)
            .filter(api_tokens::id.eq_any(ids))
            .filter(is_news)
            .set(api_tokens::last_used_at.eq(now))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }
}
