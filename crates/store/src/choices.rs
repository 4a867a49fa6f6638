//! Grants that open several accounts, while the end user chooses one.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    authorization_session::Claimed,
    ids::{AccountId, AuthorizationSessionId},
    provider::ProviderSlug,
    sealed::Sealed,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::ClaimedRow,
    oauth_apps::slug,
    schema::authorization_sessions,
    statement::{Bind, Statement, statement},
};

/// A flow that waits for a choice.
#[derive(Debug)]
pub struct WaitingChoice {
    /// The tenant.
    pub account_id: AccountId,
    /// The provider.
    pub provider: ProviderSlug,
    /// What was granted.
    pub sealed: Sealed,
}

struct TakeChoice;

impl Statement for TakeChoice {
    const SQL: &'static str = "
        WITH waiting AS (
            SELECT id FROM authorization_sessions
            WHERE id = ?1 AND sealed_choice IS NOT NULL AND claimed_at IS NOT NULL
              AND completed_at IS NULL AND failed_at IS NULL AND expires_at > ?2
            FOR UPDATE
        )
        UPDATE authorization_sessions s
        SET sealed_choice = NULL
        FROM waiting w, oauth_apps a
        WHERE s.id = w.id AND a.id = s.oauth_app_id AND a.account_id = s.account_id
          AND a.removed_at IS NULL
        RETURNING s.account_id, a.id, a.client_id, a.sealed_client_secret, s.redirect_uri,
                  s.sealed_secrets, NULL::bytea, s.code_challenge, s.scope, s.variables,
                  s.link_session_id, s.provider";
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Binary,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Text,
        sql_types::Jsonb,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Text,
    );
}

impl Store {
    /// Keeps what was granted until the end user has chosen; `false` if the flow has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_choice(
        &self,
        id: AuthorizationSessionId,
        choice: &Sealed,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let kept = diesel::update(authorization_sessions::table)
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::claimed_at.is_not_null())
            .filter(authorization_sessions::completed_at.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .filter(authorization_sessions::expires_at.gt(now))
            .set(authorization_sessions::sealed_choice.eq(choice.as_bytes()))
            .execute(&mut self.write().await?)
            .await?;
        Ok(kept == 1)
    }

    /// What waits for a choice, to be shown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_choice(
        &self,
        id: AuthorizationSessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<WaitingChoice>, StoreError> {
        let found: Option<(Uuid, String, Option<Vec<u8>>)> = authorization_sessions::table
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::sealed_choice.is_not_null())
            .filter(authorization_sessions::completed_at.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .filter(authorization_sessions::expires_at.gt(now))
            .select((
                authorization_sessions::account_id,
                authorization_sessions::provider,
                authorization_sessions::sealed_choice,
            ))
            .first(&mut self.write().await?)
            .await
            .optional()?;
        let Some((account, provider, Some(sealed))) = found else {
            return Ok(None);
        };
        Ok(Some(WaitingChoice {
            account_id: account.into(),
            provider: slug("authorization_sessions", &provider)?,
            sealed: Sealed::from_bytes(sealed),
        }))
    }

    /// Takes what waits, once: the flow goes on with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_choice(
        &self,
        id: AuthorizationSessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<Claimed>, StoreError> {
        let row: Option<ClaimedRow> =
            statement::<TakeChoice>(vec![Bind::Uuid(id.uuid()), Bind::Time(now)])
                .get_result(&mut self.write().await?)
                .await
                .optional()?;
        row.map(|row| row.claimed(id)).transpose()
    }
}
