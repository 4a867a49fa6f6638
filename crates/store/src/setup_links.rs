//! The one-time link to the first-run set-up.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    account::Admin,
    audit::Actor,
    opaque::{Digest, SetupToken},
};

use crate::{
    NewAccount, NewAdmin, Store, StoreError, admins,
    schema::{admins as admin_columns, setup_links},
};

/// What became of an attempt to set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstAdmin {
    /// The first admin exists now; the link is spent.
    Created(Admin),
    /// The link is unknown, expired or spent, or somebody can sign in already.
    Refused,
}

impl Store {
    /// Stores a new link and drops all older ones.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_setup_link(
        &self,
        digest: Digest<SetupToken>,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write()
            .await?
            .transaction(async |connection| {
                lock(connection).await?;
                diesel::delete(setup_links::table)
                    .execute(connection)
                    .await?;
                diesel::insert_into(setup_links::table)
                    .values((
                        setup_links::token_digest.eq(digest.as_bytes()),
                        setup_links::created_at.eq(now),
                        setup_links::expires_at.eq(expires_at),
                    ))
                    .execute(connection)
                    .await?;
                Ok::<_, diesel::result::Error>(())
            })
            .await?;
        Ok(())
    }

    /// Whether a link can still be used. Looking does not spend it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_setup_link_open(
        &self,
        digest: Digest<SetupToken>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let link = setup_links::table
            .filter(setup_links::token_digest.eq(digest.as_bytes()))
            .filter(setup_links::expires_at.gt(now))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                admin_columns::table.select(admin_columns::id),
            )));
        Ok(diesel::select(diesel::dsl::exists(link))
            .get_result(&mut self.read().await?)
            .await?)
    }

    /// Spends the link and stores the first admin. Of several who try, whatever links they hold, the
    /// first wins.
    ///
    /// # Errors
    /// [`StoreError`]; the link is not spent then.
    pub async fn create_first_admin(
        &self,
        digest: Digest<SetupToken>,
        account: &NewAccount,
        admin: &NewAdmin,
    ) -> Result<FirstAdmin, StoreError> {
        let random = self.random.as_ref();
        let created = self
            .write()
            .await?
            .transaction(async |connection| {
                lock(connection).await?;
                let spent = diesel::delete(setup_links::table)
                    .filter(setup_links::token_digest.eq(digest.as_bytes()))
                    .filter(setup_links::expires_at.gt(admin.created_at))
                    .filter(diesel::dsl::not(diesel::dsl::exists(
                        admin_columns::table.select(admin_columns::id),
                    )))
                    .execute(connection)
                    .await?;
                if spent == 0 {
                    return Ok(FirstAdmin::Refused);
                }
                let actor = Actor::Admin(admin.id);
                let admin = admins::insert(connection, random, account, admin, actor).await?;
                Ok::<_, diesel::result::Error>(FirstAdmin::Created(admin))
            })
            .await?;
        Ok(created)
    }
}

/// One at a time: two consoles that start at once leave one link, and two holders of different links
/// do not both find that nobody can sign in yet.
async fn lock(connection: &mut AsyncPgConnection) -> Result<(), diesel::result::Error> {
    diesel::sql_query("LOCK TABLE setup_links IN SHARE ROW EXCLUSIVE MODE")
        .execute(connection)
        .await?;
    Ok(())
}
