//! People who sign in to the console.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    Random,
    account::{Account, Admin, Email},
    audit::{Actor, AuditEvent},
    ids::AdminId,
};
use serde_json::json;

use crate::{
    NewAccount, Store, StoreError,
    accounts::{self, Row as AccountRow},
    audit_events,
    schema::{accounts as account_columns, admins},
};

/// An admin to store.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// Their id.
    pub id: AdminId,
    /// Their address.
    pub email: Email,
    /// PHC string of their password.
    pub password_hash: String,
    /// Now.
    pub created_at: DateTime<Utc>,
}

/// An admin and what proves them.
#[derive(Debug, Clone)]
pub struct AdminCredentials {
    /// Who.
    pub admin: Admin,
    /// PHC string of their password.
    pub password_hash: String,
}

impl Store {
    /// Stores an admin, and their account if it is new.
    ///
    /// # Errors
    /// [`crate::Conflict::Exists`] if somebody has the address already.
    pub async fn insert_admin(
        &self,
        account: &NewAccount,
        admin: &NewAdmin,
        actor: Actor,
    ) -> Result<Admin, StoreError> {
        let random = self.random.as_ref();
        let stored = self
            .write()
            .await?
            .transaction(async |connection| insert(connection, random, account, admin, actor).await)
            .await;
        Ok(stored?)
    }

    /// The admin with that address, and what proves them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find_admin(&self, email: &Email) -> Result<Option<AdminCredentials>, StoreError> {
        let row: Option<(uuid::Uuid, String, String, AccountRow)> = admins::table
            .inner_join(account_columns::table)
            .filter(admins::email.eq(email.as_str()))
            .select((
                admins::id,
                admins::email,
                admins::password_hash,
                AccountRow::as_select(),
            ))
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(
            row.map(|(id, email, password_hash, account)| AdminCredentials {
                admin: Admin {
                    id: id.into(),
                    account: Account::from(account),
                    email,
                },
                password_hash,
            }),
        )
    }

    /// Whether anybody can sign in at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_admins(&self) -> Result<bool, StoreError> {
        Ok(
            diesel::select(diesel::dsl::exists(admins::table.select(admins::id)))
                .get_result(&mut self.read().await?)
                .await?,
        )
    }
}

/// Inside a transaction: the account, the admin, and the audit event.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    random: &dyn Random,
    account: &NewAccount,
    admin: &NewAdmin,
    actor: Actor,
) -> Result<Admin, diesel::result::Error> {
    let account = accounts::find_or_insert(connection, account).await?;
    diesel::insert_into(admins::table)
        .values((
            admins::id.eq(admin.id.uuid()),
            admins::account_id.eq(account.id.uuid()),
            admins::email.eq(admin.email.as_str()),
            admins::password_hash.eq(&admin.password_hash),
            admins::created_at.eq(admin.created_at),
        ))
        .execute(connection)
        .await?;
    let event = AuditEvent {
        account_id: Some(account.id),
        actor,
        action: "admin.created",
        subject: Some(admin.id.uuid()),
        detail: json!({"email": admin.email.as_str()}),
    };
    audit_events::insert(connection, random, &event, admin.created_at).await?;
    Ok(Admin {
        id: admin.id,
        account,
        email: admin.email.as_str().to_owned(),
    })
}
