//! Refresh tokens of Keyway's own: each good once, all of a family ended by a second use.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    ids::{AccountId, AuditEventId, CredentialId, OauthAppId, RefreshFamilyId, RefreshTokenId},
    opaque::{Digest, RefreshToken},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    statement::{Bind, Statement, statement},
};

/// A token to store.
#[derive(Debug, Clone)]
pub struct NewRefreshToken {
    /// Its id.
    pub id: RefreshTokenId,
    /// What the database knows of it.
    pub digest: Digest<RefreshToken>,
    /// When it ends, if nobody uses it.
    pub expires_at: DateTime<Utc>,
}

/// A token as it was found, used or not.
#[derive(Debug, Clone, Queryable)]
pub struct FoundRefreshToken {
    family_id: Uuid,
    account_id: Uuid,
    oauth_app_id: Uuid,
    credential_id: Uuid,
    /// Whether id tokens were asked for.
    pub openid: bool,
    /// The key that must be proven.
    pub dpop_jkt: Option<String>,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Whether it is good now, for its own app and with its key.
    pub is_good: bool,
    /// Whether it was used, and cannot be used again.
    pub is_spent: bool,
}

impl FoundRefreshToken {
    /// Its family.
    pub fn family_id(&self) -> RefreshFamilyId {
        self.family_id.into()
    }

    /// The tenant.
    pub fn account_id(&self) -> AccountId {
        self.account_id.into()
    }

    /// The app that it was issued to.
    pub fn oauth_app_id(&self) -> OauthAppId {
        self.oauth_app_id.into()
    }

    /// The credential behind it.
    pub fn credential_id(&self) -> CredentialId {
        self.credential_id.into()
    }
}

/// Why a family of tokens ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyEnd {
    /// The client said so (RFC 7009).
    Revoked,
    /// A token was used twice: somebody has a token that is not theirs.
    TokenReused,
}

/// Whether a token can be used, be it for the first time, or once more within the leeway. Only the
/// token before the newest ones is taken once more: as soon as one that came of it was used, its
/// answer had arrived.
///
/// The parameters are the placeholders of now, and of the moment since which a use may be repeated,
/// or null.
macro_rules! is_usable {
    ($now:literal, $since:literal) => {
        concat!(
            "t.expires_at > ",
            $now,
            " AND (t.used_at IS NULL OR (coalesce(t.used_at > ",
            $since,
            ", false)
              AND NOT EXISTS (SELECT FROM refresh_tokens child WHERE child.parent_id = t.id AND child.used_at IS NOT NULL)))"
        )
    };
}

/// The moment since which a use may be repeated. Without a leeway there is none, rather than now: a
/// faster caller may have read the clock a moment later.
fn since(leeway: TimeDelta, now: DateTime<Utc>) -> Bind {
    Bind::MaybeTime((leeway > TimeDelta::zero()).then(|| now - leeway))
}

struct FindToken;

impl Statement for FindToken {
    const SQL: &'static str = concat!(
        "SELECT f.id, f.account_id, f.oauth_app_id, f.credential_id, f.openid, f.dpop_jkt, t.created_at,
                least(t.expires_at, f.expires_at),
                f.revoked_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?2) AND a.removed_at IS NULL AND ",
        is_usable!("?2", "?3"),
        ",
                t.used_at IS NOT NULL AND NOT (",
        is_usable!("?2", "?3"),
        ")
         FROM refresh_tokens t
         JOIN refresh_families f ON f.id = t.family_id
         JOIN oauth_apps a ON a.id = f.oauth_app_id
         WHERE t.token_digest = ?1"
    );
    type Row = (
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Uuid,
        sql_types::Bool,
        sql_types::Nullable<sql_types::Text>,
        sql_types::Timestamptz,
        sql_types::Timestamptz,
        sql_types::Bool,
        sql_types::Bool,
    );
}

struct RotateToken;

impl Statement for RotateToken {
    // The UPDATE of the token is the guard: of any number of callers, on any number of gateways, one
    // finds it unused. The family is locked first, so that one that ends meanwhile yields nothing.
    const SQL: &'static str = concat!(
        "WITH family AS (
            SELECT f.id
            FROM refresh_tokens t
            JOIN refresh_families f ON f.id = t.family_id
            JOIN oauth_apps a ON a.id = f.oauth_app_id
            WHERE t.token_digest = ?1 AND f.oauth_app_id = ?2 AND a.removed_at IS NULL
              AND f.revoked_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > ?3)
              AND (f.dpop_jkt IS NULL OR f.dpop_jkt = ?4)
            FOR SHARE OF f
        ), used AS (
            UPDATE refresh_tokens t
            SET used_at = coalesce(t.used_at, ?3)
            FROM family
            WHERE t.token_digest = ?1 AND t.family_id = family.id AND ",
        is_usable!("?3", "?5"),
        "
            RETURNING t.id, t.family_id
        )
        INSERT INTO refresh_tokens (id, family_id, parent_id, token_digest, created_at, expires_at)
        SELECT ?6, used.family_id, used.id, ?7, ?3, ?8 FROM used
        RETURNING id"
    );
    type Row = sql_types::Uuid;
}

struct EndFamily;

impl Statement for EndFamily {
    const SQL: &'static str = "
        WITH ended AS (
            UPDATE refresh_families SET revoked_at = ?3, revoked_reason = ?4
            WHERE id = ?1 AND oauth_app_id = ?2 AND revoked_at IS NULL
            RETURNING id, account_id, oauth_app_id, credential_id
        )
        INSERT INTO audit_events (id, account_id, actor_kind, actor_id, action, subject_id, detail, created_at)
        SELECT ?5, account_id, 'client', oauth_app_id,
               CASE ?4 WHEN 'token_reused' THEN 'refresh_token.reused' ELSE 'refresh_token.revoked' END,
               credential_id, jsonb_build_object('family', id), ?3
        FROM ended
        RETURNING id";
    type Row = sql_types::Uuid;
}

struct SweepFamilies;

impl Statement for SweepFamilies {
    // Tokens that ended and have no living descendant are of no use to anybody; a family goes with
    // its last. A reuse is noticed for as long as a token would have been good.
    const SQL: &'static str = "
        DELETE FROM refresh_families f
        USING (SELECT f.id FROM refresh_families f
               WHERE (f.expires_at < ?1 OR f.revoked_at < ?1
                      OR NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = f.id AND t.expires_at >= ?1))
               ORDER BY f.id LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE f.id = due.id
        RETURNING f.id";
    type Row = sql_types::Uuid;
}

struct SweepTokens;

impl Statement for SweepTokens {
    const SQL: &'static str = "
        DELETE FROM refresh_tokens t
        USING (SELECT id FROM refresh_tokens WHERE expires_at < ?1 AND used_at IS NOT NULL
               ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED) due
        WHERE t.id = due.id AND NOT EXISTS (SELECT FROM refresh_tokens c WHERE c.parent_id = t.id AND c.expires_at >= ?1)
        RETURNING t.id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// A token, whoever presents it: what may be done with it is for the caller to check, and for
    /// [`Store::rotate_refresh_token`] to guard.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_refresh_token(
        &self,
        token: Digest<RefreshToken>,
        leeway: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<FoundRefreshToken>, StoreError> {
        let found = statement::<FindToken>(vec![
            Bind::Bytes(token.as_bytes().to_vec()),
            Bind::Time(now),
            since(leeway, now),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(found)
    }

    /// Spends a token, and stores the one that follows; `false` if it is not good, not this app's, or
    /// bound to another key.
    ///
    /// # Errors
    /// [`StoreError`]; the token is not spent then.
    pub async fn rotate_refresh_token(
        &self,
        token: Digest<RefreshToken>,
        app: OauthAppId,
        dpop_jkt: Option<&str>,
        leeway: TimeDelta,
        next: &NewRefreshToken,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let rotated: Option<Uuid> = statement::<RotateToken>(vec![
            Bind::Bytes(token.as_bytes().to_vec()),
            Bind::Uuid(app.uuid()),
            Bind::Time(now),
            Bind::MaybeText(dpop_jkt.map(str::to_owned)),
            since(leeway, now),
            Bind::Uuid(next.id.uuid()),
            Bind::Bytes(next.digest.as_bytes().to_vec()),
            Bind::Time(next.expires_at),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(rotated.is_some())
    }

    /// Ends a family of this app, with all its tokens; `false` if it ended before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_refresh_family(
        &self,
        family: RefreshFamilyId,
        app: OauthAppId,
        end: FamilyEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let reason = match end {
            FamilyEnd::Revoked => "revoked",
            FamilyEnd::TokenReused => "token_reused",
        };
        let ended: Option<Uuid> = statement::<EndFamily>(vec![
            Bind::Uuid(family.uuid()),
            Bind::Uuid(app.uuid()),
            Bind::Time(now),
            Bind::Text(reason.into()),
            Bind::Uuid(AuditEventId::generate(now, self.random.as_ref()).uuid()),
        ])
        .get_result(&mut self.write().await?)
        .await
        .optional()?;
        Ok(ended.is_some())
    }

    /// Erases one batch of tokens and families that ended; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_refresh_tokens(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut connection = self.write().await?;
        let tokens: Vec<Uuid> = statement::<SweepTokens>(vec![Bind::Time(now)])
            .load(&mut connection)
            .await?;
        let families: Vec<Uuid> = statement::<SweepFamilies>(vec![Bind::Time(now)])
            .load(&mut connection)
            .await?;
        Ok(tokens.len() + families.len())
    }
}
