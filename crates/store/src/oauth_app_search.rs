//! OAuth apps, found by what they have.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, OauthAppId},
    provider::ProviderSlug,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    oauth_apps::{OauthApp, Row},
    schema::oauth_apps,
};

/// Which apps to list; what is absent matches all.
#[derive(Debug, Clone, Default)]
pub struct OauthAppFilter {
    /// Of this provider.
    pub provider: Option<ProviderSlug>,
    /// With metadata that contain these (`@>`).
    pub metadata: Option<Map<String, Value>>,
}

impl Store {
    /// Those of the account's apps that match, oldest first; `after` goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search_oauth_apps(
        &self,
        account: AccountId,
        filter: &OauthAppFilter,
        after: Option<OauthAppId>,
        limit: i64,
    ) -> Result<Vec<OauthApp>, StoreError> {
        let mut query = oauth_apps::table
            .filter(oauth_apps::account_id.eq(account.uuid()))
            .filter(oauth_apps::removed_at.is_null())
            .order(oauth_apps::id)
            .limit(limit)
            .select(Row::as_select())
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(oauth_apps::id.gt(after.uuid()));
        }
        if let Some(provider) = &filter.provider {
            query = query.filter(oauth_apps::provider.eq(provider.as_str()));
        }
        if let Some(metadata) = &filter.metadata {
            query = query.filter(oauth_apps::metadata.contains(Value::Object(metadata.clone())));
        }
        let rows = query.load(&mut self.read().await?).await?;
        rows.into_iter().map(OauthApp::try_from).collect()
    }

    /// The apps of these ids, as far as the account has them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_oauth_apps(
        &self,
        account: AccountId,
        ids: &[OauthAppId],
    ) -> Result<Vec<OauthApp>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = oauth_apps::table
            .filter(oauth_apps::id.eq_any(ids))
            .filter(oauth_apps::account_id.eq(account.uuid()))
            .filter(oauth_apps::removed_at.is_null())
            .select(Row::as_select())
            .load(&mut self.read().await?)
            .await?;
        rows.into_iter().map(OauthApp::try_from).collect()
    }
}
