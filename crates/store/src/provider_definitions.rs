//! Providers that accounts describe themselves. Every save is a version, and the newest counts.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, ProviderDefinitionId},
    provider::ProviderSlug,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_events,
    oauth_apps::slug as read_slug,
    schema::{admins, oauth_apps, provider_definitions},
    statement::{Bind, Statement, statement},
};

const TABLE: &str = "provider_definitions";

/// A version to save.
#[derive(Debug, Clone)]
pub struct NewDefinition {
    /// Its id.
    pub id: ProviderDefinitionId,
    /// The provider.
    pub slug: ProviderSlug,
    /// The version that it follows; 0: there is none yet.
    pub follows: i32,
    /// TOML.
    pub text: String,
    /// Why it is saved.
    pub note: Option<String>,
}

/// The newest version of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestDefinition {
    /// The provider.
    pub slug: ProviderSlug,
    /// The version's id.
    pub id: ProviderDefinitionId,
    /// TOML; none if the caller has this version already.
    pub text: Option<String>,
}

/// A version as it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedDefinition {
    /// Its number, from 1.
    pub version: i32,
    /// TOML.
    pub text: String,
    /// Why it was saved.
    pub note: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The admin's address; none if it was the operator.
    pub created_by: Option<String>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionDeletion {
    /// All versions are gone.
    Deleted,
    /// The account has no such provider.
    Unknown,
    /// So many OAuth apps need it, those among them whose grants are still to be revoked.
    InUse(i64),
}

struct FindNewest;

impl Statement for FindNewest {
    const SQL: &'static str = "
        SELECT DISTINCT ON (slug) slug, id, CASE WHEN id = ANY(?3) THEN NULL ELSE text END
        FROM provider_definitions
        WHERE account_id = ?1 AND (?2 IS NULL OR slug = ?2)
        ORDER BY slug, version DESC";
    type Row = (
        sql_types::Text,
        sql_types::Uuid,
        sql_types::Nullable<sql_types::Text>,
    );
}

struct Save;

impl Statement for Save {
    // Two who follow the same version meet in the unique index, and one of them loses.
    const SQL: &'static str = "
        INSERT INTO provider_definitions (id, account_id, slug, version, text, note, created_at, created_by)
        SELECT ?1, ?2, ?3, ?4 + 1, ?5, ?6, ?7, ?8
        WHERE ?4 = (SELECT coalesce(max(version), 0) FROM provider_definitions WHERE account_id = ?2 AND slug = ?3)
        RETURNING id";
    type Row = sql_types::Uuid;
}

impl Store {
    /// The newest version of each of the account's own providers, or of one; without the text of
    /// those that are known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_newest_definitions(
        &self,
        account: AccountId,
        slug: Option<&ProviderSlug>,
        known: Vec<ProviderDefinitionId>,
    ) -> Result<Vec<NewestDefinition>, StoreError> {
        let known = known.into_iter().map(ProviderDefinitionId::uuid);
        let rows: Vec<(String, Uuid, Option<String>)> = statement::<FindNewest>(vec![
            Bind::Uuid(account.uuid()),
            Bind::MaybeText(slug.map(|slug| slug.as_str().to_owned())),
            Bind::Uuids(known.collect()),
        ])
        .load(&mut self.read().await?)
        .await?;
        rows.into_iter()
            .map(|(slug, id, text)| {
                Ok(NewestDefinition {
                    slug: read_slug(TABLE, &slug)?,
                    id: id.into(),
                    text,
                })
            })
            .collect()
    }

    /// The names of all providers that any account describes itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_described_providers(&self) -> Result<Vec<ProviderSlug>, StoreError> {
        let rows: Vec<String> = provider_definitions::table
            .select(provider_definitions::slug)
            .distinct()
            .load(&mut self.read().await?)
            .await?;
        rows.iter().map(|slug| read_slug(TABLE, slug)).collect()
    }

    /// The versions of a provider, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_definition_versions(
        &self,
        account: AccountId,
        slug: &ProviderSlug,
    ) -> Result<Vec<SavedDefinition>, StoreError> {
        type Row = (i32, String, Option<String>, DateTime<Utc>, Option<String>);
        let rows: Vec<Row> = provider_definitions::table
            .left_join(admins::table)
            .filter(provider_definitions::account_id.eq(account.uuid()))
            .filter(provider_definitions::slug.eq(slug.as_str()))
            .order(provider_definitions::version.desc())
            .select((
                provider_definitions::version,
                provider_definitions::text,
                provider_definitions::note,
                provider_definitions::created_at,
                admins::email.nullable(),
            ))
            .load(&mut self.read().await?)
            .await?;
        let saved = |(version, text, note, created_at, created_by)| SavedDefinition {
            version,
            text,
            note,
            created_at,
            created_by,
        };
        Ok(rows.into_iter().map(saved).collect())
    }

    /// Saves a version; `false` if the newest one is another than it follows.
    ///
    /// # Errors
    /// [`crate::Conflict::Exists`] if another save came first at the same moment.
    pub async fn save_definition(
        &self,
        account: AccountId,
        new: &NewDefinition,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let random = self.random.as_ref();
        let admin = match actor {
            Actor::Admin(id) => Some(id.uuid()),
            _ => None,
        };
        let event = event(
            account,
            actor,
            "provider.saved",
            new.id,
            &new.slug,
            Some(new.follows + 1),
        );
        let saved = self
            .write()
            .await?
            .transaction(async |connection| {
                let saved: Option<Uuid> = statement::<Save>(vec![
                    Bind::Uuid(new.id.uuid()),
                    Bind::Uuid(account.uuid()),
                    Bind::Text(new.slug.as_str().to_owned()),
                    Bind::Int(new.follows),
                    Bind::Text(new.text.clone()),
                    Bind::MaybeText(new.note.clone()),
                    Bind::Time(now),
                    Bind::MaybeUuid(admin),
                ])
                .get_result(connection)
                .await
                .optional()?;
                if saved.is_some() {
                    audit_events::insert(connection, random, &event, now).await?;
                }
                Ok::<_, diesel::result::Error>(saved.is_some())
            })
            .await?;
        Ok(saved)
    }

    /// Deletes a provider with all its versions, unless an OAuth app needs it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_definition(
        &self,
        account: AccountId,
        slug: &ProviderSlug,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<DefinitionDeletion, StoreError> {
        let random = self.random.as_ref();
        let deletion = self
            .write()
            .await?
            .transaction(async |connection| {
                // Waits for whoever registers an app of it: see `hold`.
                let held: Vec<Uuid> = provider_definitions::table
                    .filter(provider_definitions::account_id.eq(account.uuid()))
                    .filter(provider_definitions::slug.eq(slug.as_str()))
                    .order(provider_definitions::version.desc())
                    .select(provider_definitions::id)
                    .for_update()
                    .load(connection)
                    .await?;
                let Some(newest) = held.as_slice().first() else {
                    return Ok(DefinitionDeletion::Unknown);
                };
                let users: i64 = oauth_apps::table
                    .filter(oauth_apps::account_id.eq(account.uuid()))
                    .filter(oauth_apps::provider.eq(slug.as_str()))
                    .count()
                    .get_result(connection)
                    .await?;
                if users > 0 {
                    return Ok(DefinitionDeletion::InUse(users));
                }
                diesel::delete(provider_definitions::table)
                    .filter(provider_definitions::id.eq_any(&held))
                    .execute(connection)
                    .await?;
                let newest = ProviderDefinitionId::from(*newest);
                let event = event(account, actor, "provider.deleted", newest, slug, None);
                audit_events::insert(connection, random, &event, now).await?;
                Ok::<_, diesel::result::Error>(DefinitionDeletion::Deleted)
            })
            .await?;
        Ok(deletion)
    }
}

/// Keeps an account's own provider from being deleted until the transaction ends.
pub(crate) async fn hold(
    connection: &mut AsyncPgConnection,
    account: AccountId,
    slug: &ProviderSlug,
) -> Result<(), diesel::result::Error> {
    let _: Vec<Uuid> = provider_definitions::table
        .filter(provider_definitions::account_id.eq(account.uuid()))
        .filter(provider_definitions::slug.eq(slug.as_str()))
        .select(provider_definitions::id)
        .for_key_share()
        .load(connection)
        .await?;
    Ok(())
}

fn event(
    account: AccountId,
    actor: Actor,
    action: &'static str,
    id: ProviderDefinitionId,
    slug: &ProviderSlug,
    version: Option<i32>,
) -> AuditEvent {
    AuditEvent {
        account_id: Some(account),
        actor,
        action,
        subject: Some(id.uuid()),
        detail: json!({"provider": slug.as_str(), "version": version}),
    }
}
