//! Many credentials at once, all of them due.

use keyway_domain::{
    Clock as _, Random, SecretString,
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    clock::SystemClock,
    credential::GrantSecrets,
    ids::{ApiTokenId, CredentialId, GrantId},
    opaque::OpaqueToken as _,
    random::OsRandom,
    sealed::Place,
};
use keyway_store::NewApiToken;
use keyway_testkit::lab::Account;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Fleet, PROVIDER};

/// What clients of the fleet hold.
pub(crate) struct Seeded {
    pub(crate) token: String,
    pub(crate) credentials: Vec<CredentialId>,
}

/// Connects so many accounts whose tokens have ended, in one statement: they come due together.
pub(crate) async fn seed(fleet: &Fleet, count: usize) -> Seeded {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let (mut grants, mut credentials) = (Vec::<Uuid>::new(), Vec::<Uuid>::new());
    let (mut externals, mut sealed) = (Vec::new(), Vec::<Vec<u8>>::new());
    for number in 0..count {
        let grant = GrantId::generate(now, random);
        let external = format!("account-{number}");
        let secrets = secrets(fleet, &external);
        let text = serde_json::to_string(&secrets).expect("json");
        let place = Place::grant_secrets(grant, fleet.account);
        let text = SecretString::new(text);
        let seal = fleet.ring.seal(&place, &text, random).expect("sealed");
        grants.push(grant.uuid());
        credentials.push(CredentialId::generate(now, random).uuid());
        externals.push(external);
        sealed.push(seal.as_bytes().to_vec());
    }
    let insert = "
        WITH seed AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) AS s (grant_id, id, external_id, sealed)),
        granted AS (
            INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, properties, secret_names, sealed_secrets,
                                variables, token_type, scope, expires_at, created_at, refresh_at)
            SELECT grant_id, $5, $6, $7, 'lab_oauth2', external_id, '{\"scope\": \"read\"}', '[\"access_token\", \"refresh_token\"]', sealed,
                   '{}', 'Bearer', 'read', now() - interval '1 second', now(), now() - interval '1 second'
            FROM seed
        )
        INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, health_at, created_at, updated_at)
        SELECT id, $5, $6, $7, 'lab_oauth2', external_id, grant_id, now(), now(), now() FROM seed";
    let client = fleet.database.client().await;
    let (account, app) = (fleet.account.uuid(), fleet.app.uuid());
    client
        .execute(
            insert,
            &[
                &grants,
                &credentials,
                &externals,
                &sealed,
                &account,
                &app,
                &PROVIDER,
            ],
        )
        .await
        .expect("seeded");
    Seeded {
        token: api_token(fleet).await,
        credentials: credentials.into_iter().map(CredentialId::from).collect(),
    }
}

/// Tokens that the lab issued to an account.
fn secrets(fleet: &Fleet, external: &str) -> GrantSecrets {
    let account = Account {
        id: external.to_owned(),
        name: external.to_owned(),
        email: "user@example.com".into(),
    };
    let tokens = fleet.lab.issue(PROVIDER, "client", account);
    let token = |name: &str| tokens.get(name).and_then(Value::as_str).map(str::to_owned);
    let (access, refresh) = (token("access_token"), token("refresh_token"));
    let properties = [("access_token", &access), ("refresh_token", &refresh)];
    let properties = properties.map(|(name, token)| (name.to_owned(), json!(token)));
    GrantSecrets {
        proof_key: None,
        external_id: external.to_owned(),
        access_token: access,
        refresh_token: refresh,
        properties: properties.into_iter().collect(),
    }
}

async fn api_token(fleet: &Fleet) -> String {
    let now = SystemClock.now();
    let token = ApiToken::generate(&OsRandom);
    let new = NewApiToken {
        id: ApiTokenId::generate(now, &OsRandom),
        account_id: fleet.account,
        name: "client".into(),
        digest: keyway_vault::digest::unkeyed(&token),
        scopes: vec![ApiScope::CREDENTIALS_TOKEN],
        created_at: now,
        expires_at: None,
    };
    let stored = fleet.store.insert_api_token(&new, Actor::Operator).await;
    stored.expect("stored");
    token.secret().expose().clone()
}
