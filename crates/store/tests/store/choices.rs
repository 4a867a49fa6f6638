//! Grants that wait for the end user to choose one of their accounts.

use keyway_domain::{
    authorization_session::{Failure, LIFETIME, Step},
    ids::AuthorizationSessionId,
    oauth_error::ErrorCode,
};

use crate::support::{World, instant, now, sealed, slug};

/// A claimed flow that waits for a choice.
async fn waiting(world: &World) -> AuthorizationSessionId {
    let id = world.claimed().await;
    assert!(keep(world, id).await);
    id
}

async fn keep(world: &World, id: AuthorizationSessionId) -> bool {
    let kept = world.store.keep_choice(id, &sealed("choice"), now()).await;
    kept.expect("an answer")
}

async fn is_waiting(world: &World, id: AuthorizationSessionId) -> bool {
    let found = world.store.find_choice(id, now()).await;
    found.expect("an answer").is_some()
}

async fn take(world: &World, id: AuthorizationSessionId) -> bool {
    let taken = world.store.take_choice(id, now()).await;
    taken.expect("an answer").is_some()
}

async fn fail(world: &World, id: AuthorizationSessionId) {
    let failure = Failure {
        step: Step::Identity,
        error: ErrorCode::AccessDenied,
        description: "The provider refused.".into(),
        detail: "no accounts".into(),
    };
    let failed = world
        .store
        .fail_authorization_session(id, &failure, now())
        .await;
    failed.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_found_and_then_taken_with_its_flow() {
    let world = World::new().await;
    let id = waiting(&world).await;
    let found = world.store.find_choice(id, now()).await;
    let found = found.expect("an answer").expect("it waits");
    assert_eq!(found.account_id, world.account);
    assert_eq!(found.provider, slug("linear"));
    assert_eq!(found.sealed, sealed("choice"));
    let taken = world.store.take_choice(id, now()).await;
    let taken = taken.expect("an answer").expect("it waits");
    assert_eq!((taken.id, taken.account_id), (id, world.account));
    assert_eq!(taken.oauth_app_id, world.app);
    assert_eq!(taken.sealed_client_secret, sealed("client secret"));
    assert_eq!(taken.sealed_secrets, sealed("secrets"));
    assert!(!is_waiting(&world, id).await);
    assert_eq!(
        world
            .count("authorization_sessions WHERE sealed_choice IS NOT NULL")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_choices_one_is_taken() {
    let world = World::new().await;
    let id = waiting(&world).await;
    let taken = world
        .race(move |_, store| async move { store.take_choice(id, now()).await })
        .await;
    let taken = taken
        .into_iter()
        .filter(|taken| taken.as_ref().expect("an answer").is_some());
    assert_eq!(taken.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_of_one_flow() {
    let world = World::new().await;
    let id = waiting(&world).await;
    let other = world.claimed().await;
    assert!(!is_waiting(&world, other).await);
    assert!(!take(&world, other).await);
    assert!(is_waiting(&world, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_before_the_claim() {
    let world = World::new().await;
    let started = world.started().await;
    assert!(!keep(&world, started.id).await);
    assert!(!is_waiting(&world, started.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_after_the_fault() {
    let world = World::new().await;
    let id = waiting(&world).await;
    fail(&world, id).await;
    assert!(!is_waiting(&world, id).await);
    assert!(!take(&world, id).await);
    assert!(!keep(&world, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_waits_until_the_end_and_not_at_it() {
    let world = World::new().await;
    let id = waiting(&world).await;
    let end = now() + LIFETIME;
    let at = |moment| world.store.find_choice(id, moment);
    assert!(at(end).await.expect("an answer").is_none());
    assert!(at(end - instant()).await.expect("an answer").is_some());
    let kept = world.store.keep_choice(id, &sealed("choice"), end).await;
    assert!(!kept.expect("an answer"));
    let taken = world.store.take_choice(id, end).await;
    assert!(taken.expect("an answer").is_none());
    let taken = world.store.take_choice(id, end - instant()).await;
    assert!(taken.expect("an answer").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_for_an_app_that_is_gone() {
    let world = World::new().await;
    let id = waiting(&world).await;
    world.sql("DELETE FROM oauth_apps").await;
    assert!(!take(&world, id).await);
}
