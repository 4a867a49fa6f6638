//! Tokens for the management API.

use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    ids::ApiTokenId,
    opaque::Digest,
};
use keyway_store::{Conflict, IssuedApiToken, NewApiToken, StoreError};
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

async fn stored(world: &World, name: &str, expires_at: Option<DateTime<Utc>>) -> NewApiToken {
    let new = NewApiToken {
        name: name.into(),
        ..new(world, "proxy,events:read", expires_at)
    };
    let inserted = world.store.insert_api_token(&new, Actor::Operator).await;
    inserted.expect("stored");
    new
}

async fn list(world: &World) -> Vec<IssuedApiToken> {
    let listed = world.store.list_api_tokens(world.account).await;
    listed.expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_newest_first_with_what_is_known_of_them() {
    let world = World::new().await;
    let ended = stored(&world, "first", Some(now() - seconds(1))).await;
    let mut expected = IssuedApiToken {
        id: ended.id,
        name: "first".into(),
        scopes: vec!["proxy".into(), "events:read".into()],
        created_at: now(),
        expires_at: ended.expires_at,
        last_used_at: None,
    };
    assert_eq!(list(&world).await, [expected.clone()]);
    let used = now() + seconds(5);
    let noted = world.store.note_api_tokens_used(&[ended.id], used).await;
    noted.expect("noted");
    expected.last_used_at = Some(used);
    assert_eq!(list(&world).await, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_use_on_record_stays() {
    let world = World::new().await;
    let (one, other) = (
        stored(&world, "one", None).await,
        stored(&world, "other", None).await,
    );
    let note = async |ids: &[ApiTokenId], at| {
        let noted = world.store.note_api_tokens_used(ids, at).await;
        noted.expect("noted");
    };
    note(&[one.id], now() + seconds(60)).await;
    note(&[one.id, other.id], now()).await;
    let used: Vec<_> = list(&world)
        .await
        .into_iter()
        .map(|token| (token.name, token.last_used_at))
        .collect();
    assert!(used.contains(&("one".into(), Some(now() + seconds(60)))));
    assert!(used.contains(&("other".into(), Some(now()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_found_by_nobody() {
    let world = World::new().await;
    let (gone, kept) = (
        stored(&world, "gone", None).await,
        stored(&world, "kept", None).await,
    );
    let revoke = async || {
        let store = &world.store;
        let revoked = store.delete_api_token(world.account, gone.id, Actor::Operator, now());
        revoked.await.expect("an answer")
    };
    assert!(revoke().await);
    assert!(!revoke().await, "twice");
    assert!(!is_found(&world, gone.digest, now()).await);
    assert!(is_found(&world, kept.digest, now()).await);
    assert_eq!(list(&world).await.len(), 1);
    let audited = world.audited("api_token.revoked").await;
    assert_eq!(audited, [json!({"name": "gone"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_neither_sees_nor_revokes_a_token() {
    let world = World::new().await;
    let token = stored(&world, "ours", None).await;
    let stranger = world.account("stranger").await;
    let listed = world.store.list_api_tokens(stranger).await;
    assert!(listed.expect("a list").is_empty());
    let store = &world.store;
    let revoked = store.delete_api_token(stranger, token.id, Actor::Operator, now());
    assert!(!revoked.await.expect("an answer"));
    assert!(is_found(&world, token.digest, now()).await);
    assert!(world.audited("api_token.revoked").await.is_empty());
}
