//! Tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use keyway_domain::{account::Account, ids::AccountId};
use uuid::Uuid;

use crate::{Store, StoreError, schema::accounts};

/// A tenant to store.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Short name, from [`keyway_domain::account::slug`].
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Now.
    pub created_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
pub(crate) struct Row {
    id: Uuid,
    slug: String,
    name: String,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            slug: row.slug,
            name: row.name,
        }
    }
}

impl Store {
    /// The account of that short name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find_account(&self, slug: &str) -> Result<Option<Account>, StoreError> {
        let row = accounts::table
            .filter(accounts::slug.eq(slug))
            .select(Row::as_select())
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(row.map(Account::from))
    }

    /// All accounts, by short name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = accounts::table
            .order(accounts::slug)
            .select(Row::as_select())
            .load(&mut self.read().await?)
            .await?;
        Ok(rows.into_iter().map(Account::from).collect())
    }
}

/// Inserts the account, or finds the one that has its short name already.
pub(crate) async fn find_or_insert(
    connection: &mut AsyncPgConnection,
    new: &NewAccount,
) -> Result<Account, diesel::result::Error> {
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(new.id.uuid()),
            accounts::slug.eq(&new.slug),
            accounts::name.eq(&new.name),
            accounts::created_at.eq(new.created_at),
        ))
        .on_conflict(accounts::slug)
        .do_nothing()
        .execute(connection)
        .await?;
    accounts::table
        .filter(accounts::slug.eq(&new.slug))
        .select(Row::as_select())
        .first(connection)
        .await
        .map(Account::from)
}
