//! Browsers in which an admin is signed in.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    account::Admin,
    audit::Actor,
    ids::{AdminId, ConsoleSessionId},
    opaque::{ConsoleSessionToken, Digest},
};
use keyway_store::{Conflict, StoreError};

use crate::support::{World, digest, instant, new_account, new_admin, now, random, seconds};

const IDLE: TimeDelta = TimeDelta::minutes(30);

/// An admin who signed in just now, for eight hours.
async fn signed_in(world: &World) -> (Admin, Digest<ConsoleSessionToken>) {
    let admin = world
        .store
        .insert_admin(
            &new_account("acme"),
            &new_admin("a@acme.test"),
            Actor::Operator,
        )
        .await
        .expect("stored");
    let digest = digest();
    sign_in(world, admin.id, digest).await.expect("stored");
    (admin, digest)
}

async fn sign_in(
    world: &World,
    admin: AdminId,
    digest: Digest<ConsoleSessionToken>,
) -> Result<(), StoreError> {
    let id = ConsoleSessionId::generate(now(), random());
    let end = now() + TimeDelta::hours(8);
    world
        .store
        .insert_console_session(id, admin, digest, now(), end)
        .await
}

async fn find(
    world: &World,
    digest: Digest<ConsoleSessionToken>,
    at: DateTime<Utc>,
    idle: TimeDelta,
) -> Option<Admin> {
    let found = world.store.find_console_session(digest, at, idle).await;
    found.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_knows_its_admin() {
    let world = World::new().await;
    let (admin, digest) = signed_in(&world).await;
    assert_eq!(find(&world, digest, now(), IDLE).await, Some(admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_finds_no_session() {
    let world = World::new().await;
    signed_in(&world).await;
    assert_eq!(find(&world, digest(), now(), IDLE).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_good_until_its_end_and_not_at_it() {
    let world = World::new().await;
    let (admin, digest) = signed_in(&world).await;
    let (end, idle) = (now() + TimeDelta::hours(8), TimeDelta::hours(9));
    assert_eq!(find(&world, digest, end, idle).await, None);
    let before = find(&world, digest, end - instant(), idle).await;
    assert_eq!(before, Some(admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_idle_for_too_long_is_over() {
    let world = World::new().await;
    let (admin, digest) = signed_in(&world).await;
    let end = now() + IDLE;
    assert_eq!(find(&world, digest, end, IDLE).await, None);
    let before = find(&world, digest, end - instant(), IDLE).await;
    assert_eq!(before, Some(admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn use_keeps_a_session_from_being_idle() {
    let world = World::new().await;
    let (admin, digest) = signed_in(&world).await;
    let used = now() + TimeDelta::minutes(29);
    find(&world, digest, used, IDLE).await;
    let later = find(&world, digest, used + TimeDelta::minutes(29), IDLE).await;
    assert_eq!(later, Some(admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_written_down_once_a_minute() {
    let world = World::new().await;
    let (_, digest) = signed_in(&world).await;
    let seen_later = format!("console_sessions WHERE last_seen_at > '{}'", now());
    find(&world, digest, now() + seconds(60), IDLE).await;
    assert_eq!(world.count(&seen_later).await, 0, "spares a write per page");
    find(&world, digest, now() + seconds(61), IDLE).await;
    assert_eq!(world.count(&seen_later).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_written_down_for_this_session_alone() {
    let world = World::new().await;
    let (admin, used) = signed_in(&world).await;
    let unused = digest();
    sign_in(&world, admin.id, unused).await.expect("stored");
    find(&world, used, now() + TimeDelta::minutes(29), IDLE).await;
    let later = now() + TimeDelta::minutes(31);
    assert_eq!(find(&world, unused, later, IDLE).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_over_and_others_go_on() {
    let world = World::new().await;
    let (admin, ended) = signed_in(&world).await;
    let other = digest();
    sign_in(&world, admin.id, other).await.expect("stored");
    let deleted = world.store.delete_console_session(ended).await;
    deleted.expect("ended");
    assert_eq!(find(&world, ended, now(), IDLE).await, None);
    assert_eq!(find(&world, other, now(), IDLE).await, Some(admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_as_an_admin_who_is_gone() {
    let world = World::new().await;
    let gone = AdminId::generate(now(), random());
    let refused = sign_in(&world, gone, digest()).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(Conflict::Missing))),
        "{refused:?}"
    );
}
