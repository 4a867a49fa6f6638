//! Credentials that were granted elsewhere and are brought here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, RunQueryDsl};
use keyway_domain::{
    audit::Actor,
    credential::{EndUser, NewGrant},
    ids::{AccountId, AuditEventId, CredentialId, EventId, OauthAppId},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    credential_upsert::upsert_credential,
    schema::grants,
    statement::{Bind, Statement, statement},
};

/// What is imported.
#[derive(Debug, Clone)]
pub struct Import {
    /// The tenant.
    pub account_id: AccountId,
    /// The app that the tokens were granted to.
    pub oauth_app_id: OauthAppId,
    /// The tokens.
    pub grant: NewGrant,
    /// The provider's variables.
    pub variables: BTreeMap<String, String>,
    /// A name; none leaves what is there.
    pub name: Option<String>,
    /// What the client keeps with it; none leaves what is there.
    pub metadata: Option<Map<String, Value>>,
    /// Whose it is on the client's side; none leaves what is there.
    pub end_user: Option<EndUser>,
}

/// A credential that was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedCredential {
    /// Its id: the same for each import of one external account.
    pub id: CredentialId,
    /// Whether it is new.
    pub is_new: bool,
}

struct ImportCredential;

impl Statement for ImportCredential {
    // The app is locked, so that its removal comes before or after, and takes the credential along.
    const SQL: &'static str = concat!(
        "
        WITH app AS (
            SELECT id, account_id, provider FROM oauth_apps
            WHERE id = ?1 AND account_id = ?2 AND removed_at IS NULL
            FOR SHARE
        ), kept AS (
            INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                                secret_names, sealed_secrets, variables, token_type, scope, expires_at,
                                refresh_expires_at, refresh_at, created_at)
            SELECT ?3, account_id, id, provider, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
            FROM app
            RETURNING id, account_id, oauth_app_id, provider, kind, external_id
        ), granted AS (
            SELECT kept.*, ?17::text AS name, ?18::jsonb AS metadata, ?19::text AS end_user_id,
                   ?20::text AS end_user_email, ?21::text AS end_user_name
            FROM kept
        ), ",
        upsert_credential!("?22", "?23", "?27", "?16"),
        ", audited AS (
            INSERT INTO audit_events (id, account_id, actor_kind, actor_id, action, subject_id, detail, created_at)
            SELECT ?24, account_id, ?25, ?26, 'credential.imported', id, jsonb_build_object('provider', provider), ?16
            FROM upserted
        )
        SELECT id, superseded_grant_id FROM upserted"
    );
    type Row = (sql_types::Uuid, sql_types::Nullable<sql_types::Uuid>);
}

impl Store {
    /// Keeps a grant from elsewhere and creates or renews the credential of its external account.
    ///
    /// `None` if the account has no such app.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    pub async fn import_credential(
        &self,
        import: &Import,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<Option<ImportedCredential>, StoreError> {
        let statement = statement::<ImportCredential>(self.import_binds(import, actor, now));
        let imported = self
            .write()
            .await?
            .transaction(async |connection| {
                let imported: Option<(Uuid, Option<Uuid>)> =
                    statement.get_result(connection).await.optional()?;
                // Of imports at the same moment, the statement of one does not see the grant that
                // another has just kept, and could not erase it. This one does.
                if let Some((_, Some(superseded))) = imported {
                    diesel::delete(grants::table.find(superseded))
                        .execute(connection)
                        .await?;
                }
                Ok::<_, diesel::result::Error>(imported)
            })
            .await?;
        Ok(imported.map(|(id, superseded)| ImportedCredential {
            id: id.into(),
            is_new: superseded.is_none(),
        }))
    }

    fn import_binds(&self, import: &Import, actor: Actor, now: DateTime<Utc>) -> Vec<Bind> {
        let random = self.random.as_ref();
        let grant = &import.grant;
        let end_user = import.end_user.as_ref();
        vec![
            Bind::Uuid(import.oauth_app_id.uuid()),
            Bind::Uuid(import.account_id.uuid()),
            Bind::Uuid(grant.id.uuid()),
            Bind::Text(grant.kind.0.clone()),
            Bind::Text(grant.external.id.clone()),
            Bind::MaybeText(grant.external.label.clone()),
            Bind::Json(Value::Object(grant.public.clone())),
            Bind::Json(json!(grant.secret_names)),
            Bind::Bytes(grant.sealed_secrets.as_bytes().to_vec()),
            Bind::Json(json!(import.variables)),
            Bind::MaybeText(grant.token_type.clone()),
            Bind::MaybeText(grant.scopes.as_ref().map(ToString::to_string)),
            Bind::MaybeTime(grant.expires_at),
            Bind::MaybeTime(grant.refresh_expires_at),
            Bind::MaybeTime(grant.refresh_at),
            Bind::Time(now),
            Bind::MaybeText(import.name.clone()),
            Bind::MaybeJson(import.metadata.clone().map(Value::Object)),
            Bind::MaybeText(end_user.map(|user| user.id.clone())),
            Bind::MaybeText(end_user.and_then(|user| user.email.clone())),
            Bind::MaybeText(end_user.and_then(|user| user.name.clone())),
            Bind::Uuid(CredentialId::generate(now, random).uuid()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
            Bind::Uuid(AuditEventId::generate(now, random).uuid()),
            Bind::Text(actor.kind().to_owned()),
            Bind::MaybeUuid(actor.id()),
            Bind::Uuid(EventId::generate(now, random).uuid()),
        ]
    }
}
