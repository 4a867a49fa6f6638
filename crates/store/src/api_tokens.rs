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
}
