//! One-time start links that client backends make.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, OauthAppId, StartLinkId},
    opaque::{Digest, StartToken},
    scope::Scopes,
    sealed::Sealed,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::{json, variables},
    oauth_apps::scopes,
    schema::start_links,
};

/// A link to store.
#[derive(Debug, Clone)]
pub struct NewStartLink {
    /// Its id.
    pub id: StartLinkId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// What the database knows of its token.
    pub digest: Digest<StartToken>,
    /// Where the flow ends, as the client backend wrote it.
    pub redirect_uri: String,
    /// The client's `state`.
    pub sealed_state: Option<Sealed>,
    /// Scopes to ask for.
    pub scopes: Option<Scopes>,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A link that was spent, just now and by this caller alone.
#[derive(Debug, Clone)]
pub struct StartLink {
    /// Its id.
    pub id: StartLinkId,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app.
    pub oauth_app_id: OauthAppId,
    /// Where the flow ends, as the client backend wrote it.
    pub redirect_uri: String,
    /// The client's `state`.
    pub sealed_state: Option<Sealed>,
    /// Scopes to ask for.
    pub scopes: Option<Scopes>,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
}

impl Store {
    /// Stores a link.
    ///
    /// # Errors
    /// [`crate::Conflict::Missing`] if the app was removed in this moment.
    pub async fn insert_start_link(&self, new: &NewStartLink) -> Result<(), StoreError> {
        diesel::insert_into(start_links::table)
            .values((
                start_links::id.eq(new.id.uuid()),
                start_links::token_digest.eq(new.digest.as_bytes()),
                start_links::account_id.eq(new.account_id.uuid()),
                start_links::oauth_app_id.eq(new.oauth_app_id.uuid()),
                start_links::redirect_uri.eq(&new.redirect_uri),
                start_links::sealed_state.eq(new.sealed_state.as_ref().map(Sealed::as_bytes)),
                start_links::scope.eq(new.scopes.as_ref().map(ToString::to_string)),
                start_links::variables.eq(json(&new.variables)),
                start_links::created_at.eq(new.created_at),
                start_links::expires_at.eq(new.expires_at),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// Spends a link: of several who open it, the one whose `DELETE` finds it goes on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_start_link(
        &self,
        digest: Digest<StartToken>,
        now: DateTime<Utc>,
    ) -> Result<Option<StartLink>, StoreError> {
        type Taken = (
            Uuid,
            Uuid,
            Uuid,
            String,
            Option<Vec<u8>>,
            Option<String>,
            Value,
        );
        let taken: Option<Taken> = diesel::delete(start_links::table)
            .filter(start_links::token_digest.eq(digest.as_bytes()))
            .filter(start_links::expires_at.gt(now))
            .returning((
                start_links::id,
                start_links::account_id,
                start_links::oauth_app_id,
                start_links::redirect_uri,
                start_links::sealed_state,
                start_links::scope,
                start_links::variables,
            ))
            .get_result(&mut self.write().await?)
            .await
            .optional()?;
        taken
            .map(
                |(id, account_id, oauth_app_id, redirect_uri, sealed_state, scope, values)| {
                    Ok(StartLink {
                        id: id.into(),
                        account_id: account_id.into(),
                        oauth_app_id: oauth_app_id.into(),
                        redirect_uri,
                        sealed_state: sealed_state.map(Sealed::from_bytes),
                        scopes: scope
                            .as_deref()
                            .map(|text| scopes("start_links", text))
                            .transpose()?,
                        variables: variables(values)?,
                    })
                },
            )
            .transpose()
    }
}
