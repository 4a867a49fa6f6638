//! Credentials with their tokens.

use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    health::HealthStatus,
    ids::{AccountId, ApiTokenId},
    opaque::Digest,
};
use keyway_store::{CredentialRead, NewApiToken, StoredCredential};
use serde_json::json;

use crate::support::{World, digest, instant, now, random, sealed, seconds, values};

async fn token(world: &World, account: AccountId) -> Digest<ApiToken> {
    let new = NewApiToken {
        id: ApiTokenId::generate(now(), random()),
        account_id: account,
        name: "ci".into(),
        digest: digest(),
        scopes: vec![ApiScope::CREDENTIALS_TOKEN],
        created_at: now(),
        expires_at: Some(now() + seconds(60)),
    };
    let stored = world.store.insert_api_token(&new, Actor::Operator).await;
    stored.expect("stored");
    new.digest
}

async fn read(
    world: &World,
    token: Digest<ApiToken>,
    credential: &StoredCredential,
    at: DateTime<Utc>,
) -> Option<CredentialRead> {
    let found = world
        .store
        .find_credential_for_read(token, credential.id, at)
        .await;
    found.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reads_the_credentials_of_its_account() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let credential = world.stored(id).await;
    let read = read(
        &world,
        token(&world, world.account).await,
        &credential,
        now(),
    )
    .await;
    let read = read.expect("a token");
    assert!(read.token.allows(ApiScope::CREDENTIALS_TOKEN));
    assert!(!read.token.allows(ApiScope::CREDENTIALS_WRITE));
    assert_eq!(read.token.account_id, world.account);
    let found = read.credential.expect("a credential");
    assert_eq!(found.id, id);
    assert_eq!(
        (found.account_id, found.oauth_app_id),
        (world.account, world.app)
    );
    assert_eq!(found.external_id, "workspace");
    assert_eq!(found.kind.0, "linear_oauth2");
    assert_eq!(found.health.status, HealthStatus::Ok);
    assert_eq!(found.public.get("scope"), Some(&json!("read")));
    assert_eq!(found.sealed_secrets, sealed("tokens"));
    assert_eq!(found.variables, values(&[("shop", "acme.example")]));
    assert_eq!(found.expires_at, Some(now() + seconds(3600)));
    assert_eq!((found.retry_at, found.leased_until), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_unknown_or_over_reads_nothing() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let credential = world.stored(id).await;
    assert!(read(&world, digest(), &credential, now()).await.is_none());
    let token = token(&world, world.account).await;
    let ends = now() + seconds(60);
    let before = read(&world, token, &credential, ends - instant()).await;
    assert!(before.is_some());
    assert!(read(&world, token, &credential, ends).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_credential_is_not_there() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let credential = world.stored(id).await;
    let other = world.account("other").await;
    let read = read(&world, token(&world, other).await, &credential, now()).await;
    assert!(read.expect("a token").credential.is_none());
    let found = world.store.find_stored_credential(other, id).await;
    assert!(found.expect("an answer").is_none());
}

async fn note(world: &World, seen: &StoredCredential, status: HealthStatus, words: &str) -> bool {
    let notes: Vec<String> = Some(words.to_owned())
        .filter(|words| !words.is_empty())
        .into_iter()
        .collect();
    let at = now() + seconds(1);
    let kept = world.store.note_health(seen, status, &notes, at).await;
    kept.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_health_is_an_event_and_a_new_note_is_none() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let seen = world.stored(id).await;
    assert!(note(&world, &seen, HealthStatus::Warn, "one").await);
    assert!(note(&world, &seen, HealthStatus::Warn, "two").await);
    assert!(note(&world, &seen, HealthStatus::Ok, "").await);
    let events = "SELECT kind || coalesce(data #>> '{health,notes}', '') FROM events WHERE kind <> 'credential.created' ORDER BY position";
    assert_eq!(
        world.sql(events).await,
        [
            "oauth_app.created",
            "credential.refresh_failed[\"one\"]",
            "credential.recovered[]"
        ]
    );
    let health = world.stored(id).await.health;
    assert_eq!((health.status, health.notes.len()), (HealthStatus::Ok, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_grant_is_not_judged_by_what_was_found_of_the_older() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let seen = world.stored(id).await;
    world.connected("workspace").await;
    assert!(!note(&world, &seen, HealthStatus::Error, "dead").await);
    assert_eq!(world.stored(id).await.health.status, HealthStatus::Ok);
}
