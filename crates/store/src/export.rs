//! Credentials on their way out, with all that they hold.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    credential::Credential,
    ids::{AccountId, CredentialId, GrantId},
    sealed::Sealed,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    credentials::{COLUMNS, Row, credential},
    schema::{credentials, grants, oauth_apps},
};

/// A credential with its sealed secrets.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The credential.
    pub credential: Credential,
    /// The grant, which the seal is bound to.
    pub grant_id: GrantId,
    /// The tokens and other secret properties.
    pub sealed_secrets: Sealed,
    /// The provider's client id of the app.
    pub client_id: String,
}

type ExportedRow = (Row, (Uuid, Vec<u8>, String));

impl Store {
    /// A page of the account's credentials, oldest first; `after` goes on where the one before
    /// ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn export_credentials(
        &self,
        account: AccountId,
        after: Option<CredentialId>,
        limit: i64,
    ) -> Result<Vec<Exported>, StoreError> {
        let after = after.map_or(Uuid::nil(), CredentialId::uuid);
        let rows: Vec<ExportedRow> = credentials::table
            .inner_join(grants::table)
            .inner_join(oauth_apps::table)
            .filter(credentials::account_id.eq(account.uuid()))
            .filter(credentials::id.gt(after))
            .order(credentials::id)
            .limit(limit)
            .select((
                COLUMNS,
                (grants::id, grants::sealed_secrets, oauth_apps::client_id),
            ))
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter()
            .map(|(row, (grant_id, sealed, client_id))| {
                Ok(Exported {
                    credential: credential(row)?,
                    grant_id: grant_id.into(),
                    sealed_secrets: Sealed::from_bytes(sealed),
                    client_id,
                })
            })
            .collect()
    }
}
