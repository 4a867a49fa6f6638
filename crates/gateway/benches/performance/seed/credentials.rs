//! Credentials with tokens that are good for a day, without connecting any account.

use keyway_domain::{
    Clock as _, Random, SecretString,
    api_token::{ApiScope, ApiToken},
    clock::SystemClock,
    ids::{ApiTokenId, CredentialId, GrantId},
    opaque::OpaqueToken as _,
    random::OsRandom,
    sealed::Place,
};
use keyway_vault::{KeyRing, digest};
use serde_json::json;
use uuid::Uuid;

use super::{BATCH, TOKEN};
use crate::installation::Installation;

const INSERT: &str = "
    WITH seed AS (
        SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::bytea[]) AS s (credential_id, grant_id, sealed_secrets)
    ), granted AS (
        INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                            secret_names, sealed_secrets, variables, token_type, scope, expires_at, created_at)
        SELECT grant_id, $1, $2, 'bench', 'bench_oauth2', grant_id::text, 'Account', $6,
               '[\"access_token\", \"refresh_token\"]', sealed_secrets, '{}', 'Bearer', 'read',
               now() + interval '1 day', now()
        FROM seed
    )
    INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, health_at,
                             created_at, updated_at)
    SELECT credential_id, $1, $2, 'bench', 'bench_oauth2', grant_id::text, grant_id, now(), now(), now()
    FROM seed";

/// Makes credentials of an installation's app.
pub(crate) async fn credentials(
    of: &Installation,
    ring: &KeyRing,
    number: usize,
) -> anyhow::Result<Vec<CredentialId>> {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let properties = json!({"scope": "read", "account_id": "account", "account_name": "Account"});
    let mut made = Vec::with_capacity(number);
    while made.len() < number {
        let (mut ids, mut grants, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BATCH.min(number - made.len()) {
            let id = CredentialId::generate(now, random);
            let grant = GrantId::generate(now, random);
            let place = Place::grant_secrets(grant, of.account);
            let secrets = SecretString::new(secrets(&grant.to_string()));
            let secrets = ring.seal(&place, &secrets, random)?;
            sealed.push(secrets.as_bytes().to_vec());
            grants.push(grant.uuid());
            ids.push(id.uuid());
            made.push(id);
        }
        let (account, app): (Uuid, Uuid) = (of.account.uuid(), of.app.uuid());
        of.client
            .execute(
                INSERT,
                &[&account, &app, &ids, &grants, &sealed, &properties],
            )
            .await?;
    }
    of.client
        .batch_execute("ANALYZE credentials, grants")
        .await?;
    Ok(made)
}

/// The plaintext of a grant of this external account.
pub(super) fn secrets(external_id: &str) -> String {
    let (access, refresh) = ("t".repeat(TOKEN), "r".repeat(43));
    json!({
        "external_id": external_id,
        "access_token": access,
        "refresh_token": refresh,
        "properties": {"access_token": access, "refresh_token": refresh},
    })
    .to_string()
}

/// A token of the management API that may do everything.
pub(crate) async fn api_token(of: &Installation) -> anyhow::Result<String> {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let token = ApiToken::generate(random);
    let sql = "INSERT INTO api_tokens (id, account_id, name, token_digest, scope, created_at)
               VALUES ($1, $2, 'bench', $3, $4, now())";
    let id = ApiTokenId::generate(now, random).uuid();
    let digest = digest::unkeyed(&token).as_bytes().to_vec();
    let (account, scope) = (of.account.uuid(), ApiScope::ALL.join(" "));
    of.client
        .execute(sql, &[&id, &account, &digest, &scope])
        .await?;
    Ok(token.secret().expose().clone())
}
