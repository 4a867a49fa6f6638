//! Where flows may end.

use keyway_domain::{audit::Actor, ids::RedirectUriId};
use keyway_store::{Conflict, RegisteredUri, StoreError};
use serde_json::json;

use crate::support::{CROWD, World, new_uri, now, random, seconds};

async fn insert(world: &World, uri: &RegisteredUri) {
    let inserted = world
        .store
        .insert_redirect_uri(world.account, uri, Actor::Operator);
    inserted.await.expect("stored");
}

async fn delete(world: &World, id: RedirectUriId) -> bool {
    let removed = world
        .store
        .delete_redirect_uri(world.account, id, Actor::Operator, now());
    removed.await.expect("an answer")
}

async fn list(world: &World) -> Vec<RegisteredUri> {
    let listed = world.store.list_redirect_uris(world.account).await;
    listed.expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn uris_are_listed_as_they_were_written_oldest_first() {
    let world = World::new().await;
    let mut uris = Vec::new();
    for (after, path) in [(2, ":provider"), (1, "cb?p=:provider")] {
        let at = now() + seconds(after);
        let uri = RegisteredUri {
            id: RedirectUriId::generate(at, random()),
            created_at: at,
            ..new_uri(&format!("https://client.example/{path}"))
        };
        insert(&world, &uri).await;
        uris.push(uri);
    }
    uris.reverse();
    assert_eq!(list(&world).await, uris);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_audited() {
    let world = World::new().await;
    insert(&world, &new_uri("https://client.example/cb")).await;
    assert_eq!(
        world.audited("redirect_uri.added").await,
        [json!({"uri": "https://client.example/cb"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_may_register_the_same() {
    let world = World::new().await;
    let other = world.account("other").await;
    insert(&world, &new_uri("https://client.example/cb")).await;
    let same = new_uri("https://client.example/cb");
    let inserted = world
        .store
        .insert_redirect_uri(other, &same, Actor::Operator);
    inserted.await.expect("stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_removed_and_the_others_stay() {
    let world = World::new().await;
    let (removed, kept) = (
        new_uri("https://client.example/removed"),
        new_uri("https://client.example/kept"),
    );
    insert(&world, &removed).await;
    insert(&world, &kept).await;
    assert!(delete(&world, removed.id).await);
    assert_eq!(list(&world).await, [kept]);
    assert_eq!(
        world.audited("redirect_uri.removed").await,
        [json!({"uri": "https://client.example/removed"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_one_is_not_removed() {
    let world = World::new().await;
    insert(&world, &new_uri("https://client.example/cb")).await;
    assert!(!delete(&world, RedirectUriId::generate(now(), random())).await);
    assert_eq!(list(&world).await.len(), 1);
    assert!(world.audited("redirect_uri.removed").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_a_uri_one_does() {
    let world = World::new().await;
    let account = world.account;
    let results = world
        .race(move |_, store| async move {
            let uri = new_uri("https://client.example/wanted");
            store
                .insert_redirect_uri(account, &uri, Actor::Operator)
                .await
        })
        .await;
    let exists = |result: &&Result<(), StoreError>| {
        matches!(result, Err(StoreError::Conflict(Conflict::Exists)))
    };
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(
        results.iter().filter(exists).count(),
        CROWD - 1,
        "{results:?}"
    );
    assert_eq!(world.audited("redirect_uri.added").await.len(), 1);
}
