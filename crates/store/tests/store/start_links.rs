//! One-time start links that client backends make.

use keyway_domain::{ids::StartLinkId, scope::Scopes};
use keyway_store::{Conflict, NewStartLink, StoreError};

use crate::support::{CROWD, World, digest, instant, now, random, sealed, seconds, values};

fn new(world: &World) -> NewStartLink {
    NewStartLink {
        id: StartLinkId::generate(now(), random()),
        account_id: world.account,
        oauth_app_id: world.app,
        digest: digest(),
        redirect_uri: "https://client.example/:provider".into(),
        sealed_state: Some(sealed("state")),
        scopes: Some(Scopes::parse("read write").expect("scopes")),
        variables: values(&[("shop", "acme.example")]),
        created_at: now(),
        expires_at: now() + seconds(300),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_taken_as_it_was_made() {
    let world = World::new().await;
    let new = new(&world);
    world.store.insert_start_link(&new).await.expect("stored");
    let taken = world.store.take_start_link(new.digest, now()).await;
    let taken = taken.expect("an answer").expect("the link");
    assert_eq!((taken.id, taken.account_id), (new.id, world.account));
    assert_eq!(taken.oauth_app_id, world.app);
    assert_eq!(taken.redirect_uri, new.redirect_uri);
    assert_eq!(taken.sealed_state, new.sealed_state);
    assert_eq!(taken.scopes, new.scopes);
    assert_eq!(taken.variables, new.variables);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_may_leave_everything_open() {
    let world = World::new().await;
    let plain = NewStartLink {
        sealed_state: None,
        scopes: None,
        variables: values(&[]),
        ..new(&world)
    };
    world.store.insert_start_link(&plain).await.expect("stored");
    let taken = world.store.take_start_link(plain.digest, now()).await;
    let taken = taken.expect("an answer").expect("the link");
    assert_eq!((taken.sealed_state, taken.scopes), (None, None));
    assert!(taken.variables.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_taken_once() {
    let world = World::new().await;
    let new = new(&world);
    world.store.insert_start_link(&new).await.expect("stored");
    let first = world.store.take_start_link(new.digest, now()).await;
    assert!(first.expect("an answer").is_some());
    let second = world.store.take_start_link(new.digest, now()).await;
    assert!(second.expect("an answer").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_takes_nothing() {
    let world = World::new().await;
    let new = new(&world);
    world.store.insert_start_link(&new).await.expect("stored");
    let taken = world.store.take_start_link(digest(), now()).await;
    assert!(taken.expect("an answer").is_none());
    assert_eq!(world.count("start_links").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_until_its_end_and_not_at_it() {
    let world = World::new().await;
    let new = new(&world);
    world.store.insert_start_link(&new).await.expect("stored");
    let at_end = world
        .store
        .take_start_link(new.digest, new.expires_at)
        .await;
    assert!(at_end.expect("an answer").is_none());
    let before = new.expires_at - instant();
    let taken = world.store.take_start_link(new.digest, before).await;
    assert!(taken.expect("an answer").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_app_that_is_gone_is_refused() {
    let world = World::new().await;
    let new = new(&world);
    world.sql("DELETE FROM oauth_apps").await;
    let refused = world.store.insert_start_link(&new).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(Conflict::Missing))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_a_link_one_goes_on() {
    let world = World::new().await;
    let new = new(&world);
    world.store.insert_start_link(&new).await.expect("stored");
    let digest = new.digest;
    let taken = world
        .race(move |_, store| async move {
            let taken = store.take_start_link(digest, now()).await;
            taken.expect("an answer").is_some()
        })
        .await;
    assert_eq!(taken.len(), CROWD);
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
}
