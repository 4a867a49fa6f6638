//! The newest grant of a credential, sealed: for whoever makes calls with it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    health::HealthStatus,
    ids::{AccountId, CredentialId, GrantId},
    provider::ProviderSlug,
    sealed::Sealed,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::variables,
    column::object,
    oauth_apps::slug,
    schema::{credentials, grants},
};

/// A credential's newest grant.
#[derive(Debug, Clone)]
pub struct CurrentGrant {
    /// Its id, which the seal is bound to.
    pub grant_id: GrantId,
    /// The tenant.
    pub account_id: AccountId,
    /// The provider.
    pub provider: ProviderSlug,
    /// Whose it is.
    pub external_id: String,
    /// How the credential is.
    pub health: HealthStatus,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// The sealed properties.
    pub sealed_secrets: Sealed,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
}

impl Store {
    /// The newest grant of a credential of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_current_grant(
        &self,
        account: AccountId,
        credential: CredentialId,
    ) -> Result<Option<CurrentGrant>, StoreError> {
        type Found = (Uuid, String, String, String, Value, Vec<u8>, Value);
        let found: Option<Found> = credentials::table
            .inner_join(grants::table)
            .filter(credentials::id.eq(credential.uuid()))
            .filter(credentials::account_id.eq(account.uuid()))
            .select((
                grants::id,
                credentials::provider,
                credentials::external_id,
                credentials::health_status,
                grants::properties,
                grants::sealed_secrets,
                grants::variables,
            ))
            .first(&mut self.read().await?)
            .await
            .optional()?;
        found
            .map(
                |(grant_id, provider, external_id, health, public, secrets, values)| {
                    Ok(CurrentGrant {
                        grant_id: grant_id.into(),
                        account_id: account,
                        provider: slug("credentials", &provider)?,
                        external_id,
                        health: HealthStatus::parse(&health).ok_or(StoreError::Corrupt {
                            table: "credentials",
                            column: "health_status",
                        })?,
                        public: object("grants", "properties", public)?,
                        sealed_secrets: Sealed::from_bytes(secrets),
                        variables: variables(values)?,
                    })
                },
            )
            .transpose()
    }
}
