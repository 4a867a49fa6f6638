//! How a flow ends: with a code for the client, with a credential at once, or with a grant that
//! nobody may have.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    authorization_code::{self, IssuedCode},
    authorization_session::Failure,
    credential::NewGrant,
    ids::{AuditEventId, AuthorizationSessionId, CredentialId, EventId, LinkSessionId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    credential_upsert::upsert_credential,
    schema::{credentials, link_sessions},
    statement::{Bind, Statement, statement},
    sweep,
};

/// What a completed flow leaves behind for the client backend.
#[derive(Debug, Clone)]
pub struct NewCompletion {
    /// The flow, claimed by the caller.
    pub session_id: AuthorizationSessionId,
    /// What the provider granted.
    pub grant: NewGrant,
    /// The code that the client will redeem.
    pub code: IssuedCode,
}

/// Why a claimed flow could not be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionRefusal {
    /// It ended before, or its app was removed meanwhile.
    Ended,
    /// Its link session was good for one connection, which was made meanwhile; or it is gone.
    LinkSessionUsed,
    /// It was to reconnect another external account: the label of that, where there is one.
    OtherAccount(Option<String>),
}

/// Why nobody may have a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// It is of another external account than the one to be reconnected.
    NotTheSameAccount,
    /// Another flow of its link session was faster.
    Unredeemed,
}

impl Unwanted {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotTheSameAccount => "not_the_same_account",
            Self::Unredeemed => "unredeemed",
        }
    }

    /// How long the provider is not asked to end it. The flow that was faster may have been of the
    /// same external account, and its code not redeemed yet: at several providers a revocation
    /// would take that grant along. Once there is a credential, the queue spares it.
    fn delay(self) -> TimeDelta {
        match self {
            Self::NotTheSameAccount => TimeDelta::zero(),
            Self::Unredeemed => authorization_code::LIFETIME + sweep::GRACE,
        }
    }
}

/// Common table expressions that end a claimed flow and keep its grant, or do nothing at all.
///
/// They yield `completed`, the flow; `kept`, its grant; and `link`, its link session if it has one.
/// Their parameters are [`parameters`].
///
/// Of the flows of a link session that end at once, one finds it unused: the others wait for its
/// lock, and then look again. A session that was open as the flow began may have expired since; the
/// flow has its own ten minutes. A flow that is to reconnect a credential goes on only with the
/// external account of that one.
///
/// The locks are taken in the order in which a removal of the app or of the credential takes them:
/// the other way round, each would wait for the other.
macro_rules! complete_flow {
    () => {
        "app AS (
            SELECT a.id
            FROM authorization_sessions s JOIN oauth_apps a ON a.id = s.oauth_app_id
            WHERE s.id = ?1 AND a.removed_at IS NULL
            FOR KEY SHARE OF a
        ), reconnected AS (
            SELECT c.id
            FROM authorization_sessions s
            JOIN app ON app.id = s.oauth_app_id
            JOIN link_sessions l ON l.id = s.link_session_id
            JOIN credentials c ON c.id = l.credential_id
            WHERE s.id = ?1 AND c.oauth_app_id = app.id AND c.kind = ?3 AND c.external_id = ?4
            FOR NO KEY UPDATE OF c
        ), link AS (
            SELECT l.id, l.metadata, l.end_user_id, l.end_user_email, l.end_user_name
            FROM authorization_sessions s
            JOIN app ON app.id = s.oauth_app_id
            JOIN link_sessions l ON l.id = s.link_session_id
            WHERE s.id = ?1 AND l.used_at IS NULL
              AND (l.credential_id IS NULL OR EXISTS (SELECT FROM reconnected))
            FOR UPDATE OF l
        ), completed AS (
            UPDATE authorization_sessions s
            SET completed_at = ?14, external_label = ?5, sealed_secrets = NULL, sealed_response = NULL, sealed_choice = NULL
            FROM app
            WHERE s.id = ?1 AND s.oauth_app_id = app.id
              AND s.claimed_at IS NOT NULL AND s.completed_at IS NULL AND s.failed_at IS NULL
              AND (s.link_session_id IS NULL OR EXISTS (SELECT FROM link))
            RETURNING s.id, s.account_id, s.oauth_app_id, s.provider, s.code_challenge, s.variables
        ), kept AS (
            INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                                secret_names, sealed_secrets, variables, expires_at, refresh_expires_at, created_at,
                                token_type, scope, refresh_at)
            SELECT ?2, account_id, oauth_app_id, provider, ?3, ?4, ?5, ?6, ?7, ?8, variables, ?9, ?10, ?14, ?11, ?12, ?13
            FROM completed
            RETURNING *
        )"
    };
}

/// The first 14 parameters of what ends a flow.
fn parameters(session: AuthorizationSessionId, grant: &NewGrant, now: DateTime<Utc>) -> Vec<Bind> {
    vec![
        Bind::Uuid(session.uuid()),
        Bind::Uuid(grant.id.uuid()),
        Bind::Text(grant.kind.0.clone()),
        Bind::Text(grant.external.id.clone()),
        Bind::MaybeText(grant.external.label.clone()),
        Bind::Json(Value::Object(grant.public.clone())),
        Bind::Json(json!(grant.secret_names)),
        Bind::Bytes(grant.sealed_secrets.as_bytes().to_vec()),
        Bind::MaybeTime(grant.expires_at),
        Bind::MaybeTime(grant.refresh_expires_at),
        Bind::MaybeText(grant.token_type.clone()),
        Bind::MaybeText(grant.scopes.as_ref().map(ToString::to_string)),
        Bind::MaybeTime(grant.refresh_at),
        Bind::Time(now),
    ]
}

struct CompleteSession;

impl Statement for CompleteSession {
    // One round trip, one commit: the flow ends, the grant is kept, the code is issued, or nothing.
    const SQL: &'static str = concat!(
        "WITH ",
        complete_flow!(),
        ", used AS (
            UPDATE link_sessions l SET used_at = ?14 FROM link, completed WHERE l.id = link.id
        )
        INSERT INTO authorization_codes (id, account_id, session_id, oauth_app_id, grant_id, code_digest,
                                         code_challenge, sealed_state, created_at, expires_at, authorization_request)
        SELECT ?15, account_id, id, oauth_app_id, ?2, ?16, code_challenge, ?17, ?14, ?18, ?19
        FROM completed
        RETURNING id"
    );
    type Row = sql_types::Uuid;
}

struct ConnectSession;

impl Statement for ConnectSession {
    // The same for a flow that ends on a hosted page: there is no client backend to wait for, so the
    // credential is made in the statement that ends the flow.
    const SQL: &'static str = concat!(
        "WITH ",
        complete_flow!(),
        ", granted AS (
            SELECT kept.*, link.metadata, link.end_user_id, link.end_user_email, link.end_user_name, NULL AS name
            FROM kept CROSS JOIN link
        ), ",
        upsert_credential!("?15", "?16", "?18", "?14"),
        ", used AS (
            UPDATE link_sessions l SET used_at = ?14, credential_id = upserted.id FROM link, upserted WHERE l.id = link.id
        ), audited AS (
            INSERT INTO audit_events (id, account_id, actor_kind, action, subject_id, detail, created_at)
            SELECT ?17, account_id, 'system',
                   CASE WHEN superseded_grant_id IS NULL THEN 'credential.created' ELSE 'credential.renewed' END,
                   upserted.id, jsonb_build_object('link_session', link.id), ?14
            FROM upserted, link
        )
        SELECT id FROM upserted"
    );
    type Row = sql_types::Uuid;
}

struct ExplainRefusal;

impl Statement for ExplainRefusal {
    const SQL: &'static str = "
        SELECT a.id IS NOT NULL AND s.link_session_id IS NOT NULL,
               l.id IS NOT NULL AND l.used_at IS NULL,
               c.id IS NOT NULL AND (c.kind <> ?2 OR c.external_id <> ?3),
               g.external_label
        FROM authorization_sessions s
        LEFT JOIN oauth_apps a ON a.id = s.oauth_app_id AND a.removed_at IS NULL
        LEFT JOIN link_sessions l ON l.id = s.link_session_id
        LEFT JOIN credentials c ON c.id = l.credential_id
        LEFT JOIN grants g ON g.id = c.grant_id
        WHERE s.id = ?1";
    type Row = (
        sql_types::Bool,
        sql_types::Bool,
        sql_types::Bool,
        sql_types::Nullable<sql_types::Text>,
    );
}

struct RefuseGrant;

impl Statement for RefuseGrant {
    // Where the same external account has a credential of the same app, the provider is asked
    // nothing: a revocation could take that one along (docs/decisions/0007).
    const SQL: &'static str = "
        WITH failed AS (
            UPDATE authorization_sessions
            SET failed_at = ?14, failed_step = ?15, error = ?16, error_description = ?17, error_detail = ?18,
                external_label = ?5, sealed_secrets = NULL, sealed_response = NULL, sealed_choice = NULL
            WHERE id = ?1 AND completed_at IS NULL AND failed_at IS NULL
            RETURNING account_id, oauth_app_id, provider, variables
        )
        INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                            secret_names, sealed_secrets, variables, expires_at, refresh_expires_at, created_at,
                            token_type, scope, refresh_at, revoke_at, ended_reason)
        SELECT ?2, account_id, oauth_app_id, provider, ?3, ?4, ?5, ?6, ?7, ?8, variables, ?9, ?10, ?14, ?11, ?12, ?13, ?19, ?20
        FROM failed
        WHERE oauth_app_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM credentials c
                          WHERE c.oauth_app_id = failed.oauth_app_id AND c.kind = ?3 AND c.external_id = ?4)
        RETURNING id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// Ends a claimed flow: keeps the grant and issues the code. A link session is used by it.
    ///
    /// `false` if the flow was not waiting for this; [`Store::explain_completion_refusal`] tells why.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    pub async fn complete_authorization(
        &self,
        new: &NewCompletion,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let code = &new.code;
        let sealed_state = code.sealed_state.as_ref();
        let mut binds = parameters(new.session_id, &new.grant, now);
        binds.extend([
            Bind::Uuid(code.id.uuid()),
            Bind::Bytes(code.digest.as_bytes().to_vec()),
            Bind::MaybeBytes(sealed_state.map(|sealed| sealed.as_bytes().to_vec())),
            Bind::Time(code.expires_at),
            Bind::MaybeJson(code.oauth.as_ref().map(|request| json!(request))),
        ]);
        let completed: Option<Uuid> = statement::<CompleteSession>(binds)
            .get_result(&mut self.write().await?)
            .await
            .optional()?;
        Ok(completed.is_some())
    }

    /// Ends a claimed flow of a link session without a client to go back to: creates or renews the
    /// credential, with the session's end user and metadata.
    ///
    /// `None` if the flow was not waiting for this; [`Store::explain_completion_refusal`] tells why.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    pub async fn connect_authorization(
        &self,
        session: AuthorizationSessionId,
        grant: &NewGrant,
        now: DateTime<Utc>,
    ) -> Result<Option<CredentialId>, StoreError> {
        let random = self.random.as_ref();
        let mut binds = parameters(session, grant, now);
        binds.extend([
            Bind::Uuid(CredentialId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Uuid(AuditEventId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
        ]);
        let connected: Option<Uuid> = statement::<ConnectSession>(binds)
            .get_result(&mut self.write().await?)
            .await
            .optional()?;
        Ok(connected.map(CredentialId::from))
    }

    /// The id of the external account that a link session is to reconnect, if it is to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_reconnected(
        &self,
        session: LinkSessionId,
    ) -> Result<Option<String>, StoreError> {
        let found = link_sessions::table
            .inner_join(credentials::table)
            .filter(link_sessions::id.eq(session.uuid()))
            .select(credentials::external_id)
            .first(&mut self.read().await?)
            .await;
        Ok(found.optional()?)
    }

    /// Why a flow could not be completed with this grant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain_completion_refusal(
        &self,
        session: AuthorizationSessionId,
        grant: &NewGrant,
    ) -> Result<CompletionRefusal, StoreError> {
        let found: Option<(bool, bool, bool, Option<String>)> = statement::<ExplainRefusal>(vec![
            Bind::Uuid(session.uuid()),
            Bind::Text(grant.kind.0.clone()),
            Bind::Text(grant.external.id.clone()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(match found {
            Some((true, false, ..)) => CompletionRefusal::LinkSessionUsed,
            Some((true, true, true, label)) => CompletionRefusal::OtherAccount(label),
            _ => CompletionRefusal::Ended,
        })
    }

    /// Ends a flow as failed, and has its grant revoked at the provider, unless the external account
    /// has a credential of the same app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refuse_grant(
        &self,
        session: AuthorizationSessionId,
        grant: &NewGrant,
        unwanted: Unwanted,
        failure: &Failure,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // Nobody refreshes it any more.
        let grant = NewGrant {
            refresh_at: None,
            ..grant.clone()
        };
        let mut binds = parameters(session, &grant, now);
        binds.extend([
            Bind::Text(failure.step.as_str().to_owned()),
            Bind::Text(failure.error.as_str().to_owned()),
            Bind::Text(failure.description.clone()),
            Bind::Text(failure.detail.clone()),
            Bind::Time(now + unwanted.delay()),
            Bind::Text(unwanted.as_str().to_owned()),
        ]);
        let _queued: Option<Uuid> = statement::<RefuseGrant>(binds)
            .get_result(&mut self.write().await?)
            .await
            .optional()?;
        Ok(())
    }
}
