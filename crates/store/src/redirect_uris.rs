//! Where flows may end.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, RedirectUriId},
    redirect_uri::RedirectUriTemplate,
};
use serde_json::json;
use uuid::Uuid;

use crate::{Store, StoreError, audit_events, schema::redirect_uris};

/// A registered redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredUri {
    /// Its id.
    pub id: RedirectUriId,
    /// As it was registered.
    pub uri: RedirectUriTemplate,
    /// When.
    pub created_at: DateTime<Utc>,
}

type Row = (Uuid, String, DateTime<Utc>);

fn registered((id, uri, created_at): Row) -> Result<RegisteredUri, StoreError> {
    Ok(RegisteredUri {
        id: id.into(),
        uri: template(&uri)?,
        created_at,
    })
}

impl Store {
    /// Registers a redirect URI for all apps of the account.
    ///
    /// # Errors
    /// [`crate::Conflict::Exists`] if it is registered already.
    pub async fn insert_redirect_uri(
        &self,
        account: AccountId,
        new: &RegisteredUri,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let random = self.random.as_ref();
        let event = AuditEvent {
            account_id: Some(account),
            actor,
            action: "redirect_uri.added",
            subject: Some(new.id.uuid()),
            detail: json!({"uri": new.uri.as_str()}),
        };
        self.write()
            .await?
            .transaction(async |connection| {
                diesel::insert_into(redirect_uris::table)
                    .values((
                        redirect_uris::id.eq(new.id.uuid()),
                        redirect_uris::account_id.eq(account.uuid()),
                        redirect_uris::uri.eq(new.uri.as_str()),
                        redirect_uris::created_at.eq(new.created_at),
                    ))
                    .execute(connection)
                    .await?;
                audit_events::insert(connection, random, &event, new.created_at).await
            })
            .await?;
        Ok(())
    }

    /// The account's redirect URIs, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_redirect_uris(
        &self,
        account: AccountId,
    ) -> Result<Vec<RegisteredUri>, StoreError> {
        let rows: Vec<Row> = redirect_uris::table
            .filter(redirect_uris::account_id.eq(account.uuid()))
            .order(redirect_uris::id)
            .select((
                redirect_uris::id,
                redirect_uris::uri,
                redirect_uris::created_at,
            ))
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(registered).collect()
    }

    /// A page of the same; `after` goes on where the one before ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page_of_redirect_uris(
        &self,
        account: AccountId,
        after: Option<RedirectUriId>,
        limit: i64,
    ) -> Result<Vec<RegisteredUri>, StoreError> {
        let after = after.map_or(Uuid::nil(), RedirectUriId::uuid);
        let rows: Vec<Row> = redirect_uris::table
            .filter(redirect_uris::account_id.eq(account.uuid()))
            .filter(redirect_uris::id.gt(after))
            .order(redirect_uris::id)
            .limit(limit)
            .select((
                redirect_uris::id,
                redirect_uris::uri,
                redirect_uris::created_at,
            ))
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(registered).collect()
    }

    /// Removes a redirect URI; `false` if the account has no such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_redirect_uri(
        &self,
        account: AccountId,
        id: RedirectUriId,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let random = self.random.as_ref();
        let removed = self
            .write()
            .await?
            .transaction(async |connection| {
                let removed: Option<String> = diesel::delete(redirect_uris::table)
                    .filter(redirect_uris::account_id.eq(account.uuid()))
                    .filter(redirect_uris::id.eq(id.uuid()))
                    .returning(redirect_uris::uri)
                    .get_result(connection)
                    .await
                    .optional()?;
                if let Some(uri) = &removed {
                    let event = AuditEvent {
                        account_id: Some(account),
                        actor,
                        action: "redirect_uri.removed",
                        subject: Some(id.uuid()),
                        detail: json!({"uri": uri}),
                    };
                    audit_events::insert(connection, random, &event, now).await?;
                }
                Ok::<_, diesel::result::Error>(removed.is_some())
            })
            .await?;
        Ok(removed)
    }
}

pub(crate) fn template(uri: &str) -> Result<RedirectUriTemplate, StoreError> {
    RedirectUriTemplate::parse(uri).map_err(|_| StoreError::Corrupt {
        table: "redirect_uris",
        column: "uri",
    })
}
