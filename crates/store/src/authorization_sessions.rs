//! Runs of the link flow, up to the callback.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    authorization_session::{
        ClaimRefusal, Claimed, Failure, LIFETIME, NewSession, ProviderState, RefusedStart,
        Unanswered,
    },
    client_settings::ClientSettings,
    ids::{AccountId, AuthorizationSessionId, LinkSessionId, OauthAppId},
    opaque::Digest,
    pkce::CodeChallenge,
    provider::ProviderSlug,
    redirect_uri::{RedirectUri, RedirectUriTemplate},
    scope::Scopes,
    sealed::Sealed,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    oauth_apps::{scopes, settings, slug},
    redirect_uris::template,
    schema::authorization_sessions,
    statement::{Bind, Statement, statement},
};

/// What a start request is measured against: the app, and its account's redirect URIs.
#[derive(Debug, Clone)]
pub struct LinkTarget {
    /// The app.
    pub oauth_app_id: OauthAppId,
    /// The tenant.
    pub account_id: AccountId,
    /// The provider.
    pub provider: ProviderSlug,
    /// The app's name.
    pub app_name: String,
    /// The provider's client id.
    pub client_id: String,
    /// The app's scopes, if it has its own.
    pub scopes: Option<Scopes>,
    /// The provider's variables that the admin set.
    pub variables: BTreeMap<String, String>,
    /// How its client backend proves itself at the OAuth endpoints.
    pub settings: ClientSettings,
    /// The account's redirect URIs.
    pub redirect_uris: Vec<RedirectUriTemplate>,
}

struct FindLinkTarget;

impl Statement for FindLinkTarget {
    const SQL: &'static str = "
        SELECT a.account_id, a.provider, a.name, a.client_id, a.scope, a.variables, a.settings,
               coalesce((SELECT jsonb_agg(r.uri ORDER BY r.id) FROM redirect_uris r WHERE r.account_id = a.account_id), '[]')
        FROM oauth_apps a
        WHERE a.id = ?1 AND a.removed_at IS NULL";
    type Row = (
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Text,
        sql_types::Text,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Jsonb,
        sql_types::Jsonb,
        sql_types::Jsonb,
    );
}

struct ClaimSession;

impl Statement for ClaimSession {
    const SQL: &'static str = "
        UPDATE authorization_sessions s
        SET claimed_at = ?4
        FROM oauth_apps a
        WHERE s.id = ?1
          AND s.state_digest = ?2
          AND s.provider = ?3
          AND s.claimed_at IS NULL
          AND s.failed_at IS NULL
          AND s.expires_at > ?4
          AND a.id = s.oauth_app_id
          AND a.account_id = s.account_id
          AND a.removed_at IS NULL
        RETURNING s.account_id, a.id, a.client_id, a.sealed_client_secret, s.redirect_uri,
                  s.sealed_secrets, s.sealed_response, s.code_challenge, s.scope, s.variables, s.link_session_id,
                  s.provider";
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Binary,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Text,
        sql_types::Jsonb,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Text,
    );
}

#[derive(Queryable)]
pub(crate) struct ClaimedRow {
    account_id: Uuid,
    oauth_app_id: Uuid,
    client_id: String,
    sealed_client_secret: Vec<u8>,
    redirect_uri: Option<String>,
    sealed_secrets: Option<Vec<u8>>,
    sealed_response: Option<Vec<u8>>,
    code_challenge: Option<String>,
    scope: String,
    variables: Value,
    link_session_id: Option<Uuid>,
    provider: String,
}

impl ClaimedRow {
    pub(crate) fn claimed(self, id: AuthorizationSessionId) -> Result<Claimed, StoreError> {
        Ok(Claimed {
            id,
            account_id: self.account_id.into(),
            oauth_app_id: self.oauth_app_id.into(),
            client_id: self.client_id,
            sealed_client_secret: Sealed::from_bytes(self.sealed_client_secret),
            provider: slug("authorization_sessions", &self.provider)?,
            redirect_uri: self.redirect_uri.map(RedirectUri::from_stored),
            link_session_id: self.link_session_id.map(LinkSessionId::from),
            sealed_secrets: Sealed::from_bytes(there(self.sealed_secrets, "sealed_secrets")?),
            sealed_response: self.sealed_response.map(Sealed::from_bytes),
            challenge: self
                .code_challenge
                .as_deref()
                .and_then(CodeChallenge::parse),
            scopes: scopes("authorization_sessions", &self.scope)?,
            variables: variables(self.variables)?,
        })
    }
}

impl Store {
    /// The app of that id, and where its flows may end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_link_target(
        &self,
        app: OauthAppId,
    ) -> Result<Option<LinkTarget>, StoreError> {
        type Found = (
            Uuid,
            String,
            String,
            String,
            Option<String>,
            Value,
            Value,
            Value,
        );
        let found: Option<Found> = statement::<FindLinkTarget>(vec![Bind::Uuid(app.uuid())])
            .get_result(&mut self.read().await?)
            .await
            .optional()?;
        let Some((account_id, provider, app_name, client_id, scope, set, kept, uris)) = found
        else {
            return Ok(None);
        };
        let uris = uris
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        Ok(Some(LinkTarget {
            oauth_app_id: app,
            account_id: account_id.into(),
            provider: slug("oauth_apps", &provider)?,
            app_name,
            client_id,
            scopes: scope
                .as_deref()
                .map(|text| scopes("oauth_apps", text))
                .transpose()?,
            variables: variables(set)?,
            settings: settings(kept)?,
            redirect_uris: uris.map(template).collect::<Result<_, _>>()?,
        }))
    }

    /// Stores a flow as it starts.
    ///
    /// # Errors
    /// [`crate::Conflict::Missing`] if the app was removed in this moment.
    pub async fn insert_authorization_session(&self, new: &NewSession) -> Result<(), StoreError> {
        diesel::insert_into(authorization_sessions::table)
            .values((
                authorization_sessions::id.eq(new.id.uuid()),
                authorization_sessions::account_id.eq(new.account_id.uuid()),
                authorization_sessions::oauth_app_id.eq(new.oauth_app_id.uuid()),
                authorization_sessions::provider.eq(new.provider.as_str()),
                authorization_sessions::redirect_uri
                    .eq(new.redirect_uri.as_ref().map(RedirectUri::as_str)),
                authorization_sessions::link_session_id
                    .eq(new.link_session_id.map(LinkSessionId::uuid)),
                authorization_sessions::state_digest
                    .eq(new.state_digest.map(|digest| digest.as_bytes().to_vec())),
                authorization_sessions::sealed_secrets.eq(new.sealed_secrets.as_bytes()),
                authorization_sessions::code_challenge
                    .eq(new.challenge.as_ref().map(CodeChallenge::as_str)),
                authorization_sessions::scope.eq(new.scopes.to_string()),
                authorization_sessions::scope_source.eq(new.scope_source.as_str()),
                authorization_sessions::variables.eq(json(&new.variables)),
                authorization_sessions::created_at.eq(new.created_at),
                authorization_sessions::expires_at.eq(new.created_at + LIFETIME),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// Keeps an attempt that never became a flow, for the flow log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_refused_start(&self, refused: &RefusedStart) -> Result<(), StoreError> {
        diesel::insert_into(authorization_sessions::table)
            .values((
                authorization_sessions::id.eq(refused.id.uuid()),
                authorization_sessions::account_id.eq(refused.account_id.uuid()),
                authorization_sessions::oauth_app_id.eq(refused.oauth_app_id.uuid()),
                authorization_sessions::provider.eq(refused.provider.as_str()),
                authorization_sessions::link_session_id
                    .eq(refused.link_session_id.map(LinkSessionId::uuid)),
                authorization_sessions::created_at.eq(refused.created_at),
                authorization_sessions::expires_at.eq(refused.created_at),
                authorization_sessions::failed_at.eq(refused.created_at),
                authorization_sessions::failed_step.eq(refused.failure.step.as_str()),
                authorization_sessions::error.eq(refused.failure.error.as_str()),
                authorization_sessions::error_description.eq(&refused.failure.description),
                authorization_sessions::error_detail.eq(&refused.failure.detail),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }

    /// A flow that waits for variables.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_unanswered_session(
        &self,
        id: AuthorizationSessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<Unanswered>, StoreError> {
        use crate::schema::oauth_apps;
        type Found = (
            Uuid,
            Uuid,
            String,
            String,
            Option<String>,
            Option<Vec<u8>>,
            String,
            Value,
        );
        let found: Option<Found> = authorization_sessions::table
            .inner_join(oauth_apps::table)
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(oauth_apps::removed_at.is_null())
            .filter(authorization_sessions::state_digest.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .filter(authorization_sessions::expires_at.gt(now))
            .select((
                authorization_sessions::account_id,
                oauth_apps::id,
                oauth_apps::client_id,
                authorization_sessions::provider,
                authorization_sessions::redirect_uri,
                authorization_sessions::sealed_secrets,
                authorization_sessions::scope,
                authorization_sessions::variables,
            ))
            .first(&mut self.write().await?)
            .await
            .optional()?;
        found
            .map(
                |(
                    account_id,
                    app,
                    client_id,
                    provider,
                    redirect_uri,
                    sealed_secrets,
                    scope,
                    values,
                )| {
                    Ok(Unanswered {
                        id,
                        account_id: account_id.into(),
                        oauth_app_id: app.into(),
                        client_id,
                        provider: slug("authorization_sessions", &provider)?,
                        redirect_uri: redirect_uri.map(RedirectUri::from_stored),
                        sealed_secrets: Sealed::from_bytes(there(
                            sealed_secrets,
                            "sealed_secrets",
                        )?),
                        scopes: scopes("authorization_sessions", &scope)?,
                        variables: variables(values)?,
                    })
                },
            )
            .transpose()
    }

    /// Adds what the end user filled in, once; `false` if the flow no longer waits for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_session(
        &self,
        id: AuthorizationSessionId,
        values: &BTreeMap<String, String>,
        state: Digest<ProviderState>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let answered = diesel::update(authorization_sessions::table)
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::state_digest.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .filter(authorization_sessions::expires_at.gt(now))
            .set((
                authorization_sessions::variables.eq(json(values)),
                authorization_sessions::state_digest.eq(state.as_bytes()),
                authorization_sessions::expires_at.eq(now + LIFETIME),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(answered == 1)
    }

    /// Keeps a provider's `form_post` answer until the browser comes back by GET with its cookie;
    /// `false` if the flow is not open or has an answer already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_response(
        &self,
        id: AuthorizationSessionId,
        state: Digest<ProviderState>,
        response: &Sealed,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let kept = diesel::update(authorization_sessions::table)
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::state_digest.eq(state.as_bytes()))
            .filter(authorization_sessions::claimed_at.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .filter(authorization_sessions::sealed_response.is_null())
            .filter(authorization_sessions::expires_at.gt(now))
            .set(authorization_sessions::sealed_response.eq(response.as_bytes()))
            .execute(&mut self.write().await?)
            .await?;
        Ok(kept == 1)
    }

    /// The account of an open flow, for sealing a response before it is claimed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_session_account(
        &self,
        id: AuthorizationSessionId,
    ) -> Result<Option<AccountId>, StoreError> {
        let account: Option<Uuid> = authorization_sessions::table
            .find(id.uuid())
            .select(authorization_sessions::account_id)
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(account.map(AccountId::from))
    }

    /// Claims a flow for the one callback that may complete it (RFC 6749 section 4.1.2).
    ///
    /// `None` when it is unknown, expired, used, or another provider's; the caller cannot tell
    /// which, and [`Store::explain_claim_refusal`] tells the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_authorization_session(
        &self,
        id: AuthorizationSessionId,
        state: Digest<ProviderState>,
        provider: &ProviderSlug,
        now: DateTime<Utc>,
    ) -> Result<Option<Claimed>, StoreError> {
        let row: Option<ClaimedRow> = statement::<ClaimSession>(vec![
            Bind::Uuid(id.uuid()),
            Bind::Bytes(state.as_bytes().to_vec()),
            Bind::Text(provider.as_str().to_owned()),
            Bind::Time(now),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|row| row.claimed(id)).transpose()
    }

    /// Why a claim found nothing: for the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain_claim_refusal(
        &self,
        id: AuthorizationSessionId,
        state: Digest<ProviderState>,
        provider: &ProviderSlug,
        now: DateTime<Utc>,
    ) -> Result<ClaimRefusal, StoreError> {
        type Found = (
            String,
            Option<DateTime<Utc>>,
            Option<DateTime<Utc>>,
            DateTime<Utc>,
        );
        let found: Option<Found> = authorization_sessions::table
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::state_digest.eq(state.as_bytes()))
            .select((
                authorization_sessions::provider,
                authorization_sessions::claimed_at,
                authorization_sessions::failed_at,
                authorization_sessions::expires_at,
            ))
            .first(&mut self.read().await?)
            .await
            .optional()?;
        Ok(match found {
            Some((known, ..)) if known != provider.as_str() => ClaimRefusal::OtherProvider,
            Some((_, claimed_at, failed_at, _)) if claimed_at.is_some() || failed_at.is_some() => {
                ClaimRefusal::Used
            }
            Some((.., expires_at)) if expires_at <= now => ClaimRefusal::Expired,
            None | Some(_) => ClaimRefusal::Unknown,
        })
    }

    /// Ends a flow as failed and erases its secrets; a flow that ended before stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_authorization_session(
        &self,
        id: AuthorizationSessionId,
        failure: &Failure,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        diesel::update(authorization_sessions::table)
            .filter(authorization_sessions::id.eq(id.uuid()))
            .filter(authorization_sessions::completed_at.is_null())
            .filter(authorization_sessions::failed_at.is_null())
            .set((
                authorization_sessions::failed_at.eq(now),
                authorization_sessions::failed_step.eq(failure.step.as_str()),
                authorization_sessions::error.eq(failure.error.as_str()),
                authorization_sessions::error_description.eq(&failure.description),
                authorization_sessions::error_detail.eq(&failure.detail),
                authorization_sessions::sealed_secrets.eq(None::<Vec<u8>>),
                authorization_sessions::sealed_response.eq(None::<Vec<u8>>),
                authorization_sessions::sealed_choice.eq(None::<Vec<u8>>),
            ))
            .execute(&mut self.write().await?)
            .await?;
        Ok(())
    }
}

fn there<T>(value: Option<T>, column: &'static str) -> Result<T, StoreError> {
    value.ok_or(StoreError::Corrupt {
        table: "authorization_sessions",
        column,
    })
}

pub(crate) fn json(values: &BTreeMap<String, String>) -> Value {
    values
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(crate) fn variables(value: Value) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt {
        table: "authorization_sessions",
        column: "variables",
    })
}
