//! How refreshes end.

use std::sync::Arc;

use keyway_domain::{health::HealthStatus, scope::Scopes};
use keyway_store::{FailedRefresh, LeasedRefresh, NewTokens};
use serde_json::{Map, json};

use crate::support::{World, now, sealed, seconds};

fn new_tokens() -> NewTokens {
    let mut public = Map::new();
    public.insert("scope".into(), json!("write"));
    NewTokens {
        public,
        secret_names: vec!["access_token".into(), "refresh_token".into()],
        sealed_secrets: sealed("newer"),
        token_type: Some("bearer".into()),
        scopes: Some(Scopes::parse("write").expect("scopes")),
        expires_at: Some(now() + seconds(7200)),
        refresh_expires_at: Some(now() + seconds(90_000)),
        refresh_at: Some(now() + seconds(5400)),
    }
}

async fn commit(world: &World, lease: &LeasedRefresh) -> bool {
    let at = now() + seconds(1);
    let committed = world.store.commit_refresh(lease, &new_tokens(), at).await;
    committed.expect("an answer")
}

fn warned(note: &str) -> FailedRefresh {
    FailedRefresh {
        status: HealthStatus::Warn,
        note: note.into(),
        retry_at: Some(now() + seconds(30)),
        is_unanswered: false,
    }
}

async fn fail(world: &World, lease: &LeasedRefresh, failed: &FailedRefresh) -> bool {
    let at = now() + seconds(1);
    let kept = world.store.fail_refresh(lease, failed, at).await;
    kept.expect("an answer")
}

/// Kinds of what happened to credentials after they were connected, in order.
async fn events(world: &World) -> Vec<String> {
    let events = "SELECT kind FROM events WHERE credential_id IS NOT NULL AND kind <> 'credential.created' ORDER BY position";
    world.sql(events).await
}

async fn revision(world: &World) -> String {
    world
        .sql("SELECT revision FROM credentials")
        .await
        .remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refresh_yields_is_kept_and_the_lease_released() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    assert!(commit(&world, &lease).await);
    let kept = format!(
        "grants WHERE properties = '{{\"scope\": \"write\"}}' AND secret_names = '[\"access_token\", \"refresh_token\"]'
             AND sealed_secrets = 'newer' AND token_type = 'bearer' AND scope = 'write'
             AND expires_at = '{}' AND refresh_expires_at = '{}' AND refresh_at = '{}' AND refreshed_at = '{}'
             AND refresh_failures = 0 AND retry_at IS NULL AND unanswered_at IS NULL
             AND lease_id IS NULL AND leased_until IS NULL",
        now() + seconds(7200),
        now() + seconds(90_000),
        now() + seconds(5400),
        now() + seconds(1),
    );
    assert_eq!(world.count(&kept).await, 1);
    assert_eq!(events(&world).await, ["credential.refreshed"]);
    assert_eq!(revision(&world).await, "2");
    let health = world.stored(seen.id).await.health;
    assert_eq!((health.status, health.time), (HealthStatus::Ok, now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_somebody_else_took_over_writes_nothing() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let first = world.lease(&seen).await;
    let later = world
        .store
        .lease_refresh(&seen, false, first.leased_until)
        .await;
    let second = later.expect("an answer").expect("a lease");
    assert!(!commit(&world, &first).await);
    assert!(!fail(&world, &first, &warned("late")).await);
    assert_eq!(
        world.count("grants WHERE sealed_secrets = 'tokens'").await,
        1
    );
    assert!(commit(&world, &second).await);
    assert!(
        !commit(&world, &second).await,
        "a lease is good for one end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_grant_is_never_overwritten() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    let newer = world.connected("workspace").await;
    assert_eq!(newer.credential_id, seen.id);
    assert!(!commit(&world, &lease).await);
    assert!(!fail(&world, &lease, &warned("late")).await);
    let now_there = world.stored(seen.id).await;
    assert_eq!(now_there.grant_id, newer.grant_id);
    assert_eq!(now_there.health.status, HealthStatus::Ok);
    assert_eq!(events(&world).await, ["credential.updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_and_refreshes_at_the_same_time_never_wait_for_each_other_in_a_circle() {
    let world = Arc::new(World::new().await);
    for round in 0..16 {
        let external = format!("workspace {round}");
        let seen = world.due(&external).await;
        let lease = world.lease(&seen).await;
        let issued = world.issued(&external).await;
        let (committing, redeeming) = (Arc::clone(&world), Arc::clone(&world));
        let committing = tokio::spawn(async move { commit(&committing, &lease).await });
        let redeeming = tokio::spawn(async move { redeeming.redeem(issued).await });
        committing.await.expect("no deadlock");
        let redeemed = redeeming.await.expect("no deadlock").expect("redeemed");
        let newest = world.stored(seen.id).await;
        assert_eq!(newest.grant_id, redeemed.grant_id, "the renewal wins");
        assert_eq!(newest.sealed_secrets, sealed("tokens"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_credential_that_was_deleted_meanwhile_are_kept_to_be_revoked() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    world.sql("DELETE FROM credentials").await;
    let marked = format!(
        "UPDATE grants SET revoke_at = '{}', ended_reason = 'deleted'",
        now()
    );
    world.sql(&marked).await;
    assert!(commit(&world, &lease).await);
    let kept = "grants WHERE sealed_secrets = 'newer' AND refresh_at IS NULL AND lease_id IS NULL";
    assert_eq!(world.count(kept).await, 1);
    assert!(events(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_warns_once_and_says_when_to_try_again() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    for failures in 1..=3 {
        let lease = world.store.lease_refresh(&seen, true, now()).await;
        let lease = lease.expect("an answer").expect("a lease");
        assert_eq!(lease.failures, failures - 1);
        assert!(fail(&world, &lease, &warned("down")).await);
    }
    let kept = format!(
        "grants WHERE refresh_failures = 3 AND retry_at = '{0}' AND refresh_at = '{0}'
             AND lease_id IS NULL AND unanswered_at IS NULL AND sealed_secrets = 'tokens'",
        now() + seconds(30)
    );
    assert_eq!(world.count(&kept).await, 1);
    assert_eq!(events(&world).await, ["credential.refresh_failed"]);
    assert_eq!(revision(&world).await, "2", "nothing new to tell");
    let health = world.stored(seen.id).await.health;
    assert_eq!(
        (health.status, health.notes.as_slice(), health.time),
        (
            HealthStatus::Warn,
            ["down".to_owned()].as_slice(),
            now() + seconds(1)
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_succeeds_again_recovers() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    assert!(fail(&world, &lease, &warned("down")).await);
    let lease = world.store.lease_refresh(&seen, true, now()).await;
    let lease = lease.expect("an answer").expect("a lease");
    assert!(commit(&world, &lease).await);
    assert_eq!(
        events(&world).await,
        [
            "credential.refresh_failed",
            "credential.refreshed",
            "credential.recovered"
        ]
    );
    let health = world.stored(seen.id).await.health;
    assert_eq!((health.status, health.notes.len()), (HealthStatus::Ok, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_grant_is_never_due_again() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    let dead = FailedRefresh {
        status: HealthStatus::Error,
        retry_at: None,
        ..warned("dead")
    };
    assert!(fail(&world, &lease, &dead).await);
    let kept = "grants WHERE refresh_at IS NULL AND retry_at IS NULL AND lease_id IS NULL";
    assert_eq!(world.count(kept).await, 1);
    let told =
        "SELECT data #>> '{health,status}' FROM events WHERE kind = 'credential.refresh_failed'";
    assert_eq!(world.sql(told).await, ["error"]);
    world.connected("workspace").await;
    let well = world.stored(seen.id).await;
    assert_eq!(well.health.status, HealthStatus::Ok, "until it is renewed");
    let leased = world.store.lease_refresh(&well, false, now()).await;
    assert!(leased.expect("an answer").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_is_remembered() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lost = FailedRefresh {
        is_unanswered: true,
        ..warned("lost")
    };
    let lease = world.lease(&seen).await;
    assert!(fail(&world, &lease, &lost).await);
    let at = now() + seconds(60);
    let again = world.store.lease_refresh(&seen, false, at).await;
    let again = again.expect("an answer").expect("a lease");
    assert_eq!(again.unanswered_at, Some(now()));
    assert!(fail(&world, &again, &warned("down")).await);
    let at = now() + seconds(120);
    let third = world.store.lease_refresh(&seen, false, at).await;
    let third = third.expect("an answer").expect("a lease");
    assert_eq!(third.unanswered_at, Some(now()));
    assert!(commit(&world, &third).await);
    assert_eq!(world.count("grants WHERE unanswered_at IS NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_not_in_the_background_does_not_get_there_by_a_failure() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let seen = world.stored(id).await;
    let lease = world.lease(&seen).await;
    assert!(fail(&world, &lease, &warned("down")).await);
    assert_eq!(world.count("grants WHERE refresh_at IS NULL").await, 1);
}
