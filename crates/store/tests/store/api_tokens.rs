//! Tokens for the management API.

use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    ids::ApiTokenId,
    opaque::Digest,
};
use keyway_store::{Conflict, NewApiToken, StoreError};
use serde_json::json;

use crate::support::{World, digest, instant, now, random, seconds};

fn new(world: &World, scopes: &str, expires_at: Option<DateTime<Utc>>) -> NewApiToken {
    NewApiToken {
        id: ApiTokenId::generate(now(), random()),
        account_id: world.account,
        name: "ci".into(),
        digest: digest(),
        scopes: ApiScope::parse_list(scopes).expect("scopes"),
        created_at: now(),
        expires_at,
    }
}

async fn is_found(world: &World, digest: Digest<ApiToken>, at: DateTime<Utc>) -> bool {
    let found = world.store.find_api_token(digest, at).await;
    found.expect("an answer").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_by_its_digest_alone() {
    let world = World::new().await;
    let new = new(&world, "proxy", None);
    world
        .store
        .insert_api_token(&new, Actor::Operator)
        .await
        .expect("stored");
    let found = world.store.find_api_token(new.digest, now()).await;
    let found = found.expect("an answer").expect("the token");
    assert_eq!((found.id, found.account_id), (new.id, world.account));
    assert!(!is_found(&world, digest(), now()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_allows_its_scopes_and_no_part_of_them() {
    let world = World::new().await;
    let new = new(&world, "credentials:token,link_sessions:write", None);
    world
        .store
        .insert_api_token(&new, Actor::Operator)
        .await
        .expect("stored");
    let found = world.store.find_api_token(new.digest, now()).await;
    let found = found.expect("an answer").expect("the token");
    assert!(found.allows(ApiScope::LINK_SESSIONS_WRITE));
    let scopes = ApiScope::parse_list("credentials:token,credentials:read,proxy");
    let allowed: Vec<bool> = scopes
        .expect("scopes")
        .into_iter()
        .map(|scope| found.allows(scope))
        .collect();
    assert_eq!(allowed, [true, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_until_its_end_and_not_at_it() {
    let world = World::new().await;
    let end = now() + seconds(60);
    let new = new(&world, "proxy", Some(end));
    world
        .store
        .insert_api_token(&new, Actor::Operator)
        .await
        .expect("stored");
    assert!(is_found(&world, new.digest, end - instant()).await);
    assert!(!is_found(&world, new.digest, end).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_end_does_not_end() {
    let world = World::new().await;
    let new = new(&world, "proxy", None);
    world
        .store
        .insert_api_token(&new, Actor::Operator)
        .await
        .expect("stored");
    assert!(is_found(&world, new.digest, now() + seconds(10_000_000_000)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_audited_without_its_digest() {
    let world = World::new().await;
    let new = new(&world, "proxy,events:read", None);
    world
        .store
        .insert_api_token(&new, Actor::Operator)
        .await
        .expect("stored");
    assert_eq!(
        world.audited("api_token.created").await,
        [json!({"name": "ci", "scopes": ["proxy", "events:read"]})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_stored_once() {
    let world = World::new().await;
    let first = new(&world, "proxy", None);
    let second = NewApiToken {
        digest: first.digest,
        ..new(&world, "events:read", None)
    };
    let store = &world.store;
    store
        .insert_api_token(&first, Actor::Operator)
        .await
        .expect("stored");
    let refused = store.insert_api_token(&second, Actor::Operator).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(Conflict::Exists))),
        "{refused:?}"
    );
}
