//! From a code to a credential.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    audit::{Actor, AuditEvent},
    authorization_code::{AuthorizationCode, CodeRefusal, Redeemed},
    authorization_session::OauthRequest,
    credential::{CredentialKind, ExternalAccount},
    ids::{AccountId, AuditEventId, CredentialId, EventId, OauthAppId, RefreshFamilyId},
    opaque::Digest,
    pkce::CodeChallenge,
    sealed::Sealed,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    column::object,
    credential_upsert::upsert_credential,
    refresh_tokens::NewRefreshToken,
    schema::authorization_codes,
    statement::{Bind, Statement, statement},
};

/// The statement that redeems a code, with the door's own guard, and what else is made of it.
///
/// The UPDATE of the code is the guard: of any number of callers, on any number of gateways, one finds
/// the row unredeemed. Everything else hangs on what it returns, in the same commit.
/// `IS NOT DISTINCT FROM` binds the challenge both ways: a missing verifier and a verifier that
/// answers no challenge are refused alike (RFC 9700 section 2.1.1).
/// The app is locked first, as in a removal of the app: who comes second finds it gone.
/// A credential that was there keeps its id and gets the new grant; the old one is erased.
macro_rules! redeem_code {
    ($guard:literal, $more:literal) => {
        concat!(
            "
        WITH app AS (
            SELECT id FROM oauth_apps WHERE id = ?2 AND removed_at IS NULL FOR KEY SHARE
        ), code AS (
            UPDATE authorization_codes c
            SET redeemed_at = ?4
            FROM app
            WHERE c.code_digest = ?1 AND c.oauth_app_id = app.id AND c.redeemed_at IS NULL AND c.expires_at > ?4
              AND c.code_challenge IS NOT DISTINCT FROM ?3
              AND ",
            $guard,
            "
            RETURNING c.id, c.account_id, c.oauth_app_id, c.grant_id, c.sealed_state, c.session_id, c.authorization_request
        ), granted AS (
            SELECT g.*, l.metadata, l.end_user_id, l.end_user_email, l.end_user_name, NULL AS name
            FROM code
            JOIN grants g ON g.id = code.grant_id
            JOIN authorization_sessions s ON s.id = code.session_id
            LEFT JOIN link_sessions l ON l.id = s.link_session_id
        ), ",
            upsert_credential!("?5", "?7", "?8", "?4"),
            ", linked AS (
            UPDATE link_sessions l
            SET credential_id = upserted.id
            FROM code JOIN authorization_sessions s ON s.id = code.session_id, upserted
            WHERE l.id = s.link_session_id
        ), audited AS (
            INSERT INTO audit_events (id, account_id, actor_kind, actor_id, action, subject_id, detail, created_at)
            SELECT ?6, code.account_id, 'client', code.oauth_app_id,
                   CASE WHEN upserted.superseded_grant_id IS NULL THEN 'credential.created' ELSE 'credential.renewed' END,
                   upserted.id, jsonb_build_object('code', code.id), ?4
            FROM code, upserted
        )",
            $more
        )
    };
}

struct RedeemCode;

impl Statement for RedeemCode {
    const SQL: &'static str = redeem_code!(
        "c.authorization_request IS NULL",
        "
        SELECT code.id, code.account_id, code.sealed_state, upserted.id, g.id, g.kind, g.external_id,
               g.external_label, g.properties, g.sealed_secrets
        FROM code JOIN grants g ON g.id = code.grant_id CROSS JOIN upserted"
    );
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Nullable<sql_types::Binary>,
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Text,
        sql_types::Text,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Jsonb,
        sql_types::Binary,
    );
}

struct RedeemOauthCode;

impl Statement for RedeemOauthCode {
    // A code that was asked for with a key is good for nobody without it (RFC 9449 section 10).
    const SQL: &'static str = redeem_code!(
        "c.authorization_request->>'redirect_uri' = ?9
              AND coalesce(c.authorization_request->>'dpop_jkt' = ?10, c.authorization_request->>'dpop_jkt' IS NULL)",
        ", family AS (
            INSERT INTO refresh_families (id, account_id, oauth_app_id, credential_id, authorization_code_id, openid, dpop_jkt,
                                          created_at, expires_at)
            SELECT ?11, code.account_id, code.oauth_app_id, upserted.id, code.id,
                   coalesce((code.authorization_request->>'openid')::boolean, false), ?12, ?4, ?13
            FROM code, upserted
            RETURNING id
        ), token AS (
            INSERT INTO refresh_tokens (id, family_id, token_digest, created_at, expires_at)
            SELECT ?14, family.id, ?15, ?4, ?16 FROM family
        )
        SELECT code.account_id, upserted.id, code.authorization_request FROM code, upserted"
    );
    type Row = (sql_types::Uuid, sql_types::Uuid, sql_types::Jsonb);
}

struct RevokeReused;

impl Statement for RevokeReused {
    const SQL: &'static str = "
        UPDATE refresh_families SET revoked_at = ?2, revoked_reason = 'code_reused'
        WHERE authorization_code_id = ?1 AND revoked_at IS NULL
        RETURNING id";
    type Row = sql_types::Uuid;
}

/// A redemption at the OAuth door.
#[derive(Debug, Clone)]
pub struct OauthRedemption<'a> {
    /// What was presented.
    pub code: Digest<AuthorizationCode>,
    /// The app that proved itself.
    pub app: OauthAppId,
    /// The challenge that its verifier answers.
    pub challenge: Option<&'a CodeChallenge>,
    /// Where it says that the code was sent.
    pub redirect_uri: &'a str,
    /// Thumbprint of the key that it proved.
    pub dpop_jkt: Option<&'a str>,
    /// What the client gets.
    pub family: NewFamily<'a>,
}

/// What the client of a redeemed code gets of Keyway itself.
#[derive(Debug, Clone)]
pub struct NewFamily<'a> {
    /// Its id.
    pub id: RefreshFamilyId,
    /// The key that each refresh must prove.
    pub dpop_jkt: Option<&'a str>,
    /// The end that no refresh moves.
    pub expires_at: Option<DateTime<Utc>>,
    /// The first refresh token.
    pub token: NewRefreshToken,
}

/// A code that was redeemed at the OAuth door, just now and by this caller alone.
#[derive(Debug, Clone)]
pub struct OauthRedeemed {
    /// The tenant.
    pub account_id: AccountId,
    /// The credential that it created or renewed.
    pub credential_id: CredentialId,
    /// What was asked for.
    pub request: OauthRequest,
}

#[derive(Queryable)]
struct RedeemedRow {
    code_id: Uuid,
    account_id: Uuid,
    sealed_state: Option<Vec<u8>>,
    credential_id: Uuid,
    grant_id: Uuid,
    kind: String,
    external_id: String,
    external_label: Option<String>,
    properties: Value,
    sealed_secrets: Vec<u8>,
}

impl Store {
    /// Redeems a code for the app that was authenticated, and creates or renews the credential.
    ///
    /// `None` when the code is unknown, expired, used, another app's, or its challenge is not met;
    /// [`Store::explain_code_refusal`] tells the log which.
    ///
    /// # Errors
    /// [`StoreError`]; the code is not spent then.
    pub async fn redeem_authorization_code(
        &self,
        code: Digest<AuthorizationCode>,
        app: OauthAppId,
        challenge: Option<&CodeChallenge>,
        now: DateTime<Utc>,
    ) -> Result<Option<Redeemed>, StoreError> {
        let random = self.random.as_ref();
        let row: Option<RedeemedRow> = statement::<RedeemCode>(vec![
            Bind::Bytes(code.as_bytes().to_vec()),
            Bind::Uuid(app.uuid()),
            Bind::MaybeText(challenge.map(|challenge| challenge.as_str().to_owned())),
            Bind::Time(now),
            Bind::Uuid(CredentialId::generate(now, random).uuid()),
            Bind::Uuid(AuditEventId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|row| {
            Ok(Redeemed {
                code_id: row.code_id.into(),
                account_id: row.account_id.into(),
                sealed_state: row.sealed_state.map(Sealed::from_bytes),
                credential_id: row.credential_id.into(),
                grant_id: row.grant_id.into(),
                kind: CredentialKind(row.kind),
                external: ExternalAccount {
                    id: row.external_id,
                    label: row.external_label,
                },
                public: object("grants", "properties", row.properties)?,
                sealed_secrets: Sealed::from_bytes(row.sealed_secrets),
            })
        })
        .transpose()
    }

    /// The same at the OAuth door, with the first refresh token of a new family.
    ///
    /// `None` as for [`Store::redeem_authorization_code`], and when redirect URI or key are not those
    /// that the code was asked for with.
    ///
    /// # Errors
    /// [`StoreError`]; the code is not spent then.
    pub async fn redeem_oauth_code(
        &self,
        redemption: &OauthRedemption<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<OauthRedeemed>, StoreError> {
        let random = self.random.as_ref();
        let OauthRedemption {
            code,
            app,
            challenge,
            redirect_uri,
            dpop_jkt,
            family,
        } = redemption;
        let row: Option<(Uuid, Uuid, Value)> = statement::<RedeemOauthCode>(vec![
            Bind::Bytes(code.as_bytes().to_vec()),
            Bind::Uuid(app.uuid()),
            Bind::MaybeText(challenge.map(|challenge| challenge.as_str().to_owned())),
            Bind::Time(now),
            Bind::Uuid(CredentialId::generate(now, random).uuid()),
            Bind::Uuid(AuditEventId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Text((*redirect_uri).to_owned()),
            Bind::MaybeText(dpop_jkt.map(str::to_owned)),
            Bind::Uuid(family.id.uuid()),
            Bind::MaybeText(family.dpop_jkt.map(str::to_owned)),
            Bind::MaybeTime(family.expires_at),
            Bind::Uuid(family.token.id.uuid()),
            Bind::Bytes(family.token.digest.as_bytes().to_vec()),
            Bind::Time(family.token.expires_at),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        row.map(|(account, credential, request)| {
            Ok(OauthRedeemed {
                account_id: account.into(),
                credential_id: credential.into(),
                request: serde_json::from_value(request).map_err(|_| StoreError::Corrupt {
                    table: "authorization_codes",
                    column: "authorization_request",
                })?,
            })
        })
        .transpose()
    }

    /// Why a redemption found nothing. A second use of a code by its own app goes to the audit log
    /// (RFC 6749 section 4.1.2): somebody has a code that is not theirs. What Keyway itself issued for
    /// it ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain_code_refusal(
        &self,
        code: Digest<AuthorizationCode>,
        app: OauthAppId,
        challenge: Option<&CodeChallenge>,
        now: DateTime<Utc>,
    ) -> Result<CodeRefusal, StoreError> {
        type Found = (
            Uuid,
            Uuid,
            Uuid,
            DateTime<Utc>,
            Option<DateTime<Utc>>,
            Option<String>,
        );
        let mut connection = self.write().await?;
        let found: Option<Found> = authorization_codes::table
            .filter(authorization_codes::code_digest.eq(code.as_bytes()))
            .select((
                authorization_codes::id,
                authorization_codes::account_id,
                authorization_codes::oauth_app_id,
                authorization_codes::expires_at,
                authorization_codes::redeemed_at,
                authorization_codes::code_challenge,
            ))
            .first(&mut connection)
            .await
            .optional()?;
        let Some((id, account, issued_to, expires_at, redeemed_at, kept)) = found else {
            return Ok(CodeRefusal::Unknown);
        };
        if issued_to != app.uuid() {
            return Ok(CodeRefusal::Foreign);
        }
        if redeemed_at.is_some() {
            let event = AuditEvent {
                account_id: Some(account.into()),
                actor: Actor::Client(app),
                action: "authorization_code.reused",
                subject: Some(id),
                detail: json!({}),
            };
            audit_events::insert(&mut connection, self.random.as_ref(), &event, now).await?;
            let _ended: Vec<Uuid> =
                statement::<RevokeReused>(vec![Bind::Uuid(id), Bind::Time(now)])
                    .load(&mut connection)
                    .await?;
            return Ok(CodeRefusal::Used);
        }
        Ok(if expires_at <= now {
            CodeRefusal::Expired
        } else if kept.as_deref() == challenge.map(CodeChallenge::as_str) {
            CodeRefusal::Request
        } else {
            CodeRefusal::Verifier
        })
    }
}
