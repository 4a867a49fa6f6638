//! The flow log: what became of each attempt.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::ids::{AccountId, AuthorizationSessionId, LinkSessionId, OauthAppId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    authorization_sessions::variables,
    schema::{authorization_codes, authorization_sessions, oauth_apps},
};

/// An attempt to connect, with the moments of its steps.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its id: the reference that the hosted error page shows.
    pub id: AuthorizationSessionId,
    /// The OAuth app, unless it was removed since.
    pub oauth_app_id: Option<OauthAppId>,
    /// Its name.
    pub app_name: Option<String>,
    /// The provider.
    pub provider: String,
    /// Where it was to end; none if that was refused, or for a hosted page of its link session.
    pub redirect_uri: Option<String>,
    /// The link session that it was started from; it may be gone.
    pub link_session_id: Option<LinkSessionId>,
    /// Scopes asked for, with spaces.
    pub scope: String,
    /// Where those came from.
    pub scope_source: Option<String>,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// Name of the external account, once it is known.
    pub external_label: Option<String>,
    /// Started.
    pub created_at: DateTime<Utc>,
    /// Ends if the end user does not come back.
    pub expires_at: DateTime<Utc>,
    /// The end user came back.
    pub claimed_at: Option<DateTime<Utc>>,
    /// The provider granted; our code was issued, or the credential made at once.
    pub completed_at: Option<DateTime<Utc>>,
    /// The client backend redeemed it.
    pub redeemed_at: Option<DateTime<Utc>>,
    /// It failed.
    pub failed_at: Option<DateTime<Utc>>,
    /// The step at which it failed.
    pub failed_step: Option<String>,
    /// The error for the client.
    pub error: Option<String>,
    /// The sentence for the client.
    pub error_description: Option<String>,
    /// What an admin needs to know: the provider's own words, redacted.
    pub error_detail: Option<String>,
}

/// Where a flow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowOutcome {
    /// The end user is on the way.
    Open,
    /// The end user did not come back in time, or the gateway stopped in mid-callback.
    Abandoned,
    /// Our code was issued and not redeemed yet, or never.
    Issued,
    /// The credential is made, and the client backend has it if it waits for one.
    Connected,
    /// It failed.
    Failed,
}

impl Flow {
    /// Whether it ends on a hosted page, with the credential, and not at the client, with a code.
    pub fn ends_hosted(&self) -> bool {
        // Of a refused start it is not kept where it was to end.
        let refused = self.failed_step.as_deref() == Some("start");
        self.redirect_uri.is_none() && self.link_session_id.is_some() && !refused
    }

    /// Where it stands now.
    pub fn outcome(&self, now: DateTime<Utc>) -> FlowOutcome {
        if self.failed_at.is_some() {
            FlowOutcome::Failed
        } else if self.redeemed_at.is_some() || (self.completed_at.is_some() && self.ends_hosted())
        {
            FlowOutcome::Connected
        } else if self.completed_at.is_some() {
            FlowOutcome::Issued
        } else if self.expires_at > now {
            FlowOutcome::Open
        } else {
            FlowOutcome::Abandoned
        }
    }
}

type Columns = (
    authorization_sessions::id,
    authorization_sessions::oauth_app_id,
    Nullable<oauth_apps::name>,
    authorization_sessions::provider,
    authorization_sessions::redirect_uri,
    authorization_sessions::link_session_id,
    authorization_sessions::scope,
    authorization_sessions::scope_source,
    authorization_sessions::variables,
    authorization_sessions::external_label,
    authorization_sessions::created_at,
    authorization_sessions::expires_at,
    authorization_sessions::claimed_at,
    authorization_sessions::completed_at,
    Nullable<authorization_codes::redeemed_at>,
    authorization_sessions::failed_at,
    authorization_sessions::failed_step,
    authorization_sessions::error,
    authorization_sessions::error_description,
    authorization_sessions::error_detail,
);
type Nullable<C> = diesel::dsl::Nullable<C>;

fn columns() -> Columns {
    (
        authorization_sessions::id,
        authorization_sessions::oauth_app_id,
        oauth_apps::name.nullable(),
        authorization_sessions::provider,
        authorization_sessions::redirect_uri,
        authorization_sessions::link_session_id,
        authorization_sessions::scope,
        authorization_sessions::scope_source,
        authorization_sessions::variables,
        authorization_sessions::external_label,
        authorization_sessions::created_at,
        authorization_sessions::expires_at,
        authorization_sessions::claimed_at,
        authorization_sessions::completed_at,
        authorization_codes::redeemed_at.nullable(),
        authorization_sessions::failed_at,
        authorization_sessions::failed_step,
        authorization_sessions::error,
        authorization_sessions::error_description,
        authorization_sessions::error_detail,
    )
}

#[derive(Queryable)]
struct Row {
    id: Uuid,
    oauth_app_id: Option<Uuid>,
    app_name: Option<String>,
    provider: String,
    redirect_uri: Option<String>,
    link_session_id: Option<Uuid>,
    scope: String,
    scope_source: Option<String>,
    variables: Value,
    external_label: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    claimed_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    redeemed_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    failed_step: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    error_detail: Option<String>,
}

impl TryFrom<Row> for Flow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            oauth_app_id: row.oauth_app_id.map(OauthAppId::from),
            app_name: row.app_name,
            provider: row.provider,
            redirect_uri: row.redirect_uri,
            link_session_id: row.link_session_id.map(LinkSessionId::from),
            scope: row.scope,
            scope_source: row.scope_source,
            variables: variables(row.variables)?,
            external_label: row.external_label,
            created_at: row.created_at,
            expires_at: row.expires_at,
            claimed_at: row.claimed_at,
            completed_at: row.completed_at,
            redeemed_at: row.redeemed_at,
            failed_at: row.failed_at,
            failed_step: row.failed_step,
            error: row.error,
            error_description: row.error_description,
            error_detail: row.error_detail,
        })
    }
}

impl Store {
    /// The account's flows, newest first; `before` goes on where a page ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_flows(
        &self,
        account: AccountId,
        before: Option<AuthorizationSessionId>,
        limit: i64,
    ) -> Result<Vec<Flow>, StoreError> {
        let mut query = authorization_sessions::table
            .left_join(oauth_apps::table)
            .left_join(authorization_codes::table)
            .filter(authorization_sessions::account_id.eq(account.uuid()))
            .order(authorization_sessions::id.desc())
            .limit(limit)
            .select(columns())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(authorization_sessions::id.lt(before.uuid()));
        }
        let rows: Vec<Row> = query.load(&mut self.read().await?).await?;
        rows.into_iter().map(Flow::try_from).collect()
    }

    /// A flow of this account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_flow(
        &self,
        account: AccountId,
        id: AuthorizationSessionId,
    ) -> Result<Option<Flow>, StoreError> {
        let row: Option<Row> = authorization_sessions::table
            .left_join(oauth_apps::table)
            .left_join(authorization_codes::table)
            .filter(authorization_sessions::account_id.eq(account.uuid()))
            .filter(authorization_sessions::id.eq(id.uuid()))
            .select(columns())
            .first(&mut self.read().await?)
            .await
            .optional()?;
        row.map(Flow::try_from).transpose()
    }
}
