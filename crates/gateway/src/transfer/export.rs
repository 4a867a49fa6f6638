//! Credentials on their way out: lines of JSON that can be imported as they are.

use chrono::{DateTime, Utc};
use keyway_domain::{
    audit::{Actor, AuditEvent},
    credential::{GrantSecrets, Properties},
    ids::{AccountId, CredentialId},
    sealed::Place,
};
use keyway_store::{Exported, Store, StoreError};
use keyway_vault::KeyRing;
use serde_json::{Map, Value, json};

use crate::error::Fault;

/// How many credentials are in memory at a time.
pub const PAGE: i64 = 100;

/// Notes in the audit log that somebody exports the account's credentials. Call it first.
///
/// # Errors
/// [`StoreError`].
pub async fn audit(
    store: &Store,
    account: AccountId,
    actor: Actor,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let event = AuditEvent {
        account_id: Some(account),
        actor,
        action: "credential.exported",
        subject: None,
        detail: json!({}),
    };
    store.insert_audit_event(&event, now).await
}

/// Some lines of an export, and where the next ones begin; none after the last.
///
/// # Errors
/// [`Fault`] if the database fails or a secret does not open.
pub async fn page(
    store: &Store,
    ring: &KeyRing,
    account: AccountId,
    after: Option<CredentialId>,
) -> Result<Option<(Vec<Value>, CredentialId)>, Fault> {
    let rows = store.export_credentials(account, after, PAGE).await?;
    let Some(last) = rows.last().map(|row| row.credential.id) else {
        return Ok(None);
    };
    let lines = rows.into_iter().map(|row| line(ring, row));
    Ok(Some((lines.collect::<Result<_, _>>()?, last)))
}

fn line(ring: &KeyRing, row: Exported) -> Result<Value, Fault> {
    let properties = reveal(ring, &row)?;
    let credential = row.credential;
    Ok(json!({
        "id": credential.id,
        "name": credential.name,
        "provider": credential.provider,
        "kind": credential.kind,
        "oauth_app_id": credential.oauth_app_id,
        "oauth_app": {"provider": credential.provider, "client_id": row.client_id},
        "properties": properties,
        "end_user": credential.end_user,
        "metadata": credential.metadata,
        "created_at": credential.created_at,
        "updated_at": credential.updated_at,
    }))
}

fn reveal(ring: &KeyRing, row: &Exported) -> Result<Map<String, Value>, Fault> {
    let credential = &row.credential;
    let place = Place::grant_secrets(row.grant_id, credential.account_id);
    let opened = ring.open(&place, &row.sealed_secrets)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    if secrets.external_id != credential.external.id {
        return Err(Fault::Unreadable("grant of another external account"));
    }
    let mut properties = Properties {
        public: credential.public.clone(),
        ..Properties::default()
    };
    for (name, value) in &secrets.properties {
        properties.secret.insert(name.clone(), value.clone());
    }
    Ok(properties.reveal(&credential.kind))
}
