//! How the apps' client secrets are sealed.

use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, OauthAppId},
    sealed::Sealed,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    schema::oauth_apps,
    statement::{Bind, Statement, statement},
};

/// The client secret of an app, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedClientSecret {
    /// The app.
    pub oauth_app_id: OauthAppId,
    /// The tenant.
    pub account_id: AccountId,
    /// The ciphertext.
    pub sealed: Sealed,
}

struct ListMarked;

impl Statement for ListMarked {
    const SQL: &'static str = "
        SELECT id, account_id, sealed_client_secret
        FROM oauth_apps
        WHERE substring(sealed_client_secret FROM 1 FOR length(?1)) = ?1
        ORDER BY id
        LIMIT 100";
    type Row = (sql_types::Uuid, sql_types::Uuid, sql_types::Binary);
}

impl Store {
    /// Client secrets whose ciphertext begins with `mark`: a hundred at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_client_secrets_marked(
        &self,
        mark: &[u8],
    ) -> Result<Vec<SealedClientSecret>, StoreError> {
        let rows: Vec<(Uuid, Uuid, Vec<u8>)> =
            statement::<ListMarked>(vec![Bind::Bytes(mark.to_vec())])
                .load(&mut self.read().await?)
                .await?;
        let secrets = rows.into_iter().map(|(app, account, sealed)| {
            let sealed = Sealed::from_bytes(sealed);
            SealedClientSecret {
                oauth_app_id: app.into(),
                account_id: account.into(),
                sealed,
            }
        });
        Ok(secrets.collect())
    }

    /// Puts another ciphertext of the same secret in the place of this one; `false` if it is no
    /// longer this one, as when an admin has replaced the secret meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reseal_client_secret(
        &self,
        known: &SealedClientSecret,
        sealed: &Sealed,
    ) -> Result<bool, StoreError> {
        let resealed = diesel::update(oauth_apps::table)
            .filter(oauth_apps::id.eq(known.oauth_app_id.uuid()))
            .filter(oauth_apps::sealed_client_secret.eq(known.sealed.as_bytes()))
            .set(oauth_apps::sealed_client_secret.eq(sealed.as_bytes()))
            .execute(&mut self.write().await?)
            .await?;
        Ok(resealed == 1)
    }
}
