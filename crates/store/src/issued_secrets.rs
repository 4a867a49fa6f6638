//! Secrets that Keyway made for client backends, so that the provider's own can stay where it is.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, ClientSecretId, OauthAppId},
    opaque::{ClientSecret, Digest},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    schema::{client_secrets, oauth_apps},
};

/// A secret, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedSecret {
    /// Its id.
    pub id: ClientSecretId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// An app has two at most: one can replace the other without a gap.
const MOST: i64 = 2;

impl Store {
    /// Stores a secret of an app of this account; `false` if the app has two already, or there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_client_secret(
        &self,
        account: AccountId,
        app: OauthAppId,
        id: ClientSecretId,
        digest: Digest<ClientSecret>,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let random = self.random.as_ref();
        let inserted = self
            .write()
            .await?
            .transaction(async |connection| {
                // Of two that come at once, the second waits here, and then counts the first.
                let held: Option<Uuid> = oauth_apps::table
                    .filter(oauth_apps::id.eq(app.uuid()))
                    .filter(oauth_apps::account_id.eq(account.uuid()))
                    .filter(oauth_apps::removed_at.is_null())
                    .select(oauth_apps::id)
                    .for_update()
                    .first(connection)
                    .await
                    .optional()?;
                let known: i64 = client_secrets::table
                    .filter(client_secrets::oauth_app_id.eq(app.uuid()))
                    .count()
                    .get_result(connection)
                    .await?;
                if held.is_none() || known >= MOST {
                    return Ok(false);
                }
                diesel::insert_into(client_secrets::table)
                    .values((
                        client_secrets::id.eq(id.uuid()),
                        client_secrets::account_id.eq(account.uuid()),
                        client_secrets::oauth_app_id.eq(app.uuid()),
                        client_secrets::secret_digest.eq(digest.as_bytes()),
                        client_secrets::created_at.eq(now),
                    ))
                    .execute(connection)
                    .await?;
                let event = event(account, app, actor, "client_secret.created", id);
                audit_events::insert(connection, random, &event, now).await?;
                Ok::<_, diesel::result::Error>(true)
            })
            .await;
        Ok(inserted?)
    }

    /// The secrets of an app, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_client_secrets(
        &self,
        account: AccountId,
        app: OauthAppId,
    ) -> Result<Vec<IssuedSecret>, StoreError> {
        let rows: Vec<(Uuid, DateTime<Utc>)> = client_secrets::table
            .filter(client_secrets::oauth_app_id.eq(app.uuid()))
            .filter(client_secrets::account_id.eq(account.uuid()))
            .order(client_secrets::id)
            .select((client_secrets::id, client_secrets::created_at))
            .load(&mut self.read().await?)
            .await?;
        let of_row = |(id, created_at): (Uuid, DateTime<Utc>)| IssuedSecret {
            id: id.into(),
            created_at,
        };
        Ok(rows.into_iter().map(of_row).collect())
    }

    /// Whether this is a secret of this app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_client_secret(
        &self,
        app: OauthAppId,
        digest: Digest<ClientSecret>,
    ) -> Result<bool, StoreError> {
        let found: Option<Uuid> = client_secrets::table
            .filter(client_secrets::secret_digest.eq(digest.as_bytes()))
            .filter(client_secrets::oauth_app_id.eq(app.uuid()))
            .select(client_secrets::id)
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(found.is_some())
    }

    /// Removes a secret; `false` if the account's app has no such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_client_secret(
        &self,
        account: AccountId,
        app: OauthAppId,
        id: ClientSecretId,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut connection = self.write().await?;
        let deleted = diesel::delete(client_secrets::table)
            .filter(client_secrets::id.eq(id.uuid()))
            .filter(client_secrets::oauth_app_id.eq(app.uuid()))
            .filter(client_secrets::account_id.eq(account.uuid()))
            .execute(&mut connection)
            .await?;
        if deleted == 1 {
            let event = event(account, app, actor, "client_secret.deleted", id);
            audit_events::insert(&mut connection, self.random.as_ref(), &event, now).await?;
        }
        Ok(deleted == 1)
    }
}

fn event(
    account: AccountId,
    app: OauthAppId,
    actor: Actor,
    action: &'static str,
    id: ClientSecretId,
) -> AuditEvent {
    AuditEvent {
        account_id: Some(account),
        actor,
        action,
        subject: Some(app.uuid()),
        detail: json!({"client_secret": id.uuid()}),
    }
}
