//! Codes that wait to be redeemed, on both sides, without running a flow for each; and credentials.

mod credentials;

pub(crate) use self::credentials::{api_token, credentials};

use keyway_domain::{
    Clock as _, Random, SecretString,
    authorization_code::AuthorizationCode,
    clock::SystemClock,
    ids::{AuthorizationCodeId, AuthorizationSessionId, GrantId},
    opaque::OpaqueToken as _,
    random::OsRandom,
    sealed::Place,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::world::World;

/// A token as vendors make them: with its refresh token and the names around them about 1 KiB.
pub(crate) const TOKEN: usize = 700;

/// Rows of one statement.
const BATCH: usize = 2000;

const KEYWAY: &str = "
    WITH seed AS (
        SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bytea[], $7::bytea[])
            AS s (session_id, grant_id, code_id, code_digest, sealed_secrets)
    ), sessions AS (
        INSERT INTO authorization_sessions (id, account_id, oauth_app_id, provider, redirect_uri, state_digest,
                                            scope, scope_source, created_at, expires_at, claimed_at, completed_at)
        SELECT session_id, $1, $2, 'bench', 'https://client.example/callback/bench', code_digest,
               'read', 'catalogue', now(), now() + interval '10 minutes', now(), now()
        FROM seed
    ), granted AS (
        INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                            secret_names, sealed_secrets, variables, created_at)
        SELECT grant_id, $1, $2, 'bench', 'bench_oauth2', grant_id::text, 'Account', $8,
               '[\"access_token\", \"refresh_token\"]', sealed_secrets, '{}', now()
        FROM seed
    )
    INSERT INTO authorization_codes (id, account_id, session_id, oauth_app_id, grant_id, code_digest, created_at, expires_at)
    SELECT code_id, $1, session_id, $2, grant_id, code_digest, now(), now() + interval '1 day'
    FROM seed";

const FLOOR: &str = "
    WITH granted AS (
        INSERT INTO floor.grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                                  secret_names, sealed_secrets, variables, created_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, $1, $2, 'bench', 'bench_oauth2', n::text, 'Account', $5,
               '[]', convert_to(repeat('x', 1000), 'UTF8'), '{}', now()
        FROM generate_series($3::bigint, $4::bigint) n
    )
    INSERT INTO floor.authorization_codes (id, account_id, session_id, oauth_app_id, grant_id, code_digest, created_at, expires_at)
    SELECT id, $1, id, $2, id, sha256(int8send(n)), now(), now() + interval '1 day'
    FROM (SELECT n, lpad(to_hex(n), 32, '0')::uuid AS id FROM generate_series($3::bigint, $4::bigint) n) seed";

/// Makes codes that Keyway will redeem.
pub(crate) async fn codes(world: &World, number: usize) -> anyhow::Result<Vec<String>> {
    let mut codes = Vec::with_capacity(number);
    while codes.len() < number {
        let batch = BATCH.min(number - codes.len());
        codes.extend(batch_of_codes(world, batch).await?);
    }
    Ok(codes)
}

async fn batch_of_codes(world: &World, number: usize) -> anyhow::Result<Vec<String>> {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let mut codes = Vec::new();
    let (mut sessions, mut grants, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let (mut digests, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..number {
        let grant = GrantId::generate(now, random);
        let place = Place::grant_secrets(grant, world.own.account);
        let secrets = SecretString::new(credentials::secrets(&grant.to_string()));
        sealed.push(
            world
                .ring
                .seal(&place, &secrets, random)?
                .as_bytes()
                .to_vec(),
        );
        let code = AuthorizationCode::generate(random);
        digests.push(world.ring.digest(&code).as_bytes().to_vec());
        codes.push(code.secret().expose().clone());
        sessions.push(AuthorizationSessionId::generate(now, random).uuid());
        ids.push(AuthorizationCodeId::generate(now, random).uuid());
        grants.push(grant.uuid());
    }
    let properties = json!({"scope": "read", "account_id": "account", "account_name": "Account"});
    world
        .own
        .client
        .execute(
            KEYWAY,
            &[
                &world.own.account.uuid(),
                &world.own.app.uuid(),
                &sessions,
                &grants,
                &ids,
                &digests,
                &sealed,
                &properties,
            ],
        )
        .await?;
    Ok(codes)
}

/// Makes the floors' codes of the numbers from `first` on.
pub(crate) async fn floor_codes(world: &World, first: i64, number: usize) -> anyhow::Result<()> {
    let last = first + i64::try_from(number)? - 1;
    let (account, app) = (world.own.account.uuid(), world.own.app.uuid());
    let properties = json!({"scope": "read", "account_id": "account", "account_name": "Account"});
    world
        .own
        .client
        .execute(FLOOR, &[&account, &app, &first, &last, &properties])
        .await?;
    Ok(())
}

/// The floors' app, whose secret lies there as a digest.
pub(crate) async fn floor_app(world: &World) -> anyhow::Result<()> {
    let digest: Vec<u8> = Sha256::digest(world.own.client_secret.as_bytes()).to_vec();
    let sql = "INSERT INTO floor.oauth_apps (id, account_id, provider, name, client_id, sealed_client_secret, created_at, updated_at)
               VALUES ($1, $2, 'bench', 'Bench', 'client', $3, now(), now())";
    let (app, account): (Uuid, Uuid) = (world.own.app.uuid(), world.own.account.uuid());
    world
        .own
        .client
        .execute(sql, &[&app, &account, &digest])
        .await?;
    Ok(())
}

/// What the flows left unredeemed is marked redeemed, so that no sweep comes for it amid the
/// measurement.
pub(crate) async fn settle(world: &World) -> anyhow::Result<()> {
    let sql = "UPDATE authorization_codes SET redeemed_at = now() WHERE redeemed_at IS NULL";
    world.own.client.execute(sql, &[]).await?;
    Ok(())
}
