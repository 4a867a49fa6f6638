//! Of any number of callers one may refresh.

use std::collections::BTreeSet;

use keyway_domain::{health::HealthStatus, ids::OauthAppId};
use keyway_store::{FailedRefresh, LEASE, LeasedRefresh, StoredCredential};

use crate::support::{World, instant, now, sealed, seconds, slug};

async fn try_lease(world: &World, seen: &StoredCredential, forced: bool) -> Option<LeasedRefresh> {
    let leased = world.store.lease_refresh(seen, forced, now()).await;
    leased.expect("an answer")
}

async fn lease_due(world: &World, except: &[OauthAppId], limit: i64) -> Vec<LeasedRefresh> {
    let leased = world
        .store
        .lease_due_refreshes(&slug("linear"), except, limit, now())
        .await;
    leased.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_brings_all_that_a_refresh_needs() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let lease = world.lease(&seen).await;
    assert_eq!(
        (lease.grant_id, lease.credential_id, lease.oauth_app_id),
        (seen.grant_id, seen.id, world.app)
    );
    assert_eq!(lease.client_id, "client");
    assert_eq!(lease.sealed_client_secret, sealed("client secret"));
    assert_eq!(lease.sealed_secrets, sealed("tokens"));
    assert_eq!(lease.external_id, "workspace");
    assert_eq!((lease.failures, lease.unanswered_at), (0, None));
    assert_eq!(lease.leased_until, now() + LEASE);
    assert_eq!(
        world.stored(seen.id).await.leased_until,
        Some(now() + LEASE)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_that_ask_one_gets_the_lease() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let leases = world
        .race(|_, store| {
            let seen = seen.clone();
            async move { store.lease_refresh(&seen, false, now()).await }
        })
        .await;
    let won = leases
        .into_iter()
        .filter(|lease| lease.as_ref().expect("an answer").is_some());
    assert_eq!(won.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_unanswered_is_taken_over_and_says_so() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let first = world.lease(&seen).await;
    let at = first.leased_until;
    let early = world.store.lease_refresh(&seen, true, at - instant()).await;
    assert!(early.expect("an answer").is_none());
    let second = world.store.lease_refresh(&seen, false, at).await;
    let second = second.expect("an answer").expect("a lease");
    assert_ne!(second.lease_id, first.lease_id);
    assert_eq!(second.unanswered_at, Some(now()), "when the first began");
    let third = world.store.lease_refresh(&seen, false, at + LEASE).await;
    let third = third.expect("an answer").expect("a lease");
    assert_eq!(third.unanswered_at, Some(now()), "the first that was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_saw_older_tokens_gets_none() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    world
        .sql("UPDATE grants SET sealed_secrets = 'newer'")
        .await;
    assert!(try_lease(&world, &seen, true).await.is_none());
    let seen = world.stored(seen.id).await;
    world.connected("workspace").await;
    assert!(try_lease(&world, &seen, true).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_time_to_try_again_it_must_be_forced() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let soon = format!("UPDATE grants SET retry_at = '{}'", now() + instant());
    world.sql(&soon).await;
    assert!(try_lease(&world, &seen, false).await.is_none());
    assert!(lease_due(&world, &[], 10).await.is_empty());
    assert!(try_lease(&world, &seen, true).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_reconnected_is_never_asked_for() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    world
        .sql("UPDATE credentials SET health_status = 'error'")
        .await;
    assert!(try_lease(&world, &seen, true).await.is_none());
    assert!(lease_due(&world, &[], 10).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_by_one_who_waits_while_it_dies() {
    let world = World::new().await;
    let seen = world.due("workspace").await;
    let mut client = world.database.client().await;
    let dying = client.transaction().await.expect("a transaction");
    let dead = "UPDATE credentials SET health_status = 'error'";
    dying.batch_execute(dead).await.expect("updated");
    let (store, waiting) = (world.store.clone(), seen.clone());
    let waiting = tokio::spawn(async move { store.lease_refresh(&waiting, true, now()).await });
    world.until_blocked(1).await;
    dying.commit().await.expect("committed");
    let leased = waiting.await.expect("no panic").expect("an answer");
    assert!(leased.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_credential_is_not_leased() {
    let world = World::new().await;
    let foreign = StoredCredential {
        account_id: world.account("other").await,
        ..world.due("workspace").await
    };
    assert!(try_lease(&world, &foreign, true).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_takes_what_is_due_the_longest_overdue_first() {
    let world = World::new().await;
    let mut due = Vec::new();
    for age in 0..4 {
        let credential = world.due(&format!("workspace {age}")).await;
        let at = now() - seconds(age) + instant();
        let shift = format!(
            "UPDATE grants SET refresh_at = '{at}' WHERE id = '{}'",
            credential.grant_id
        );
        world.sql(&shift).await;
        due.push(credential.id);
    }
    let first: Vec<_> = lease_due(&world, &[], 2).await;
    let first: BTreeSet<_> = first.iter().map(|lease| lease.credential_id).collect();
    assert_eq!(first, BTreeSet::from([due[2], due[3]]));
    let rest: Vec<_> = lease_due(&world, &[], 10).await;
    let rest: Vec<_> = rest.iter().map(|lease| lease.credential_id).collect();
    assert_eq!(rest, [due[1]], "one is not due yet, two are leased");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_other_providers_and_apps_that_rest_alone() {
    let world = World::new().await;
    world.due("workspace").await;
    let others = world
        .store
        .lease_due_refreshes(&slug("snyk"), &[], 10, now())
        .await;
    assert!(others.expect("an answer").is_empty());
    assert!(lease_due(&world, &[world.app], 10).await.is_empty());
    assert_eq!(lease_due(&world, &[], 10).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_under_a_code_is_left_alone() {
    let world = World::new().await;
    world.issued("workspace").await;
    let due = format!("UPDATE grants SET refresh_at = '{}'", now());
    world.sql(&due).await;
    assert!(lease_due(&world, &[], 10).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_gateways_each_grant_is_taken_by_one() {
    let world = World::new().await;
    for number in 0..20 {
        world.due(&format!("workspace {number}")).await;
    }
    let taken = world
        .race(|_, store| async move {
            let provider = slug("linear");
            let due = store.lease_due_refreshes(&provider, &[], 1, now());
            due.await.expect("an answer")
        })
        .await;
    let taken: Vec<_> = taken
        .iter()
        .flatten()
        .map(|lease| lease.credential_id)
        .collect();
    let distinct: BTreeSet<_> = taken.iter().collect();
    assert_eq!(distinct.len(), taken.len());
    let left = lease_due(&world, &[], 100).await.len();
    assert_eq!(taken.len() + left, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_with_something_due_are_told() {
    let world = World::new().await;
    let known = [slug("linear"), slug("snyk")];
    let due = async || {
        let due = world.store.list_due_providers(&known, now()).await;
        due.expect("an answer")
    };
    world.connected("workspace").await;
    assert!(due().await.is_empty());
    let seen = world.due("workspace").await;
    assert_eq!(due().await, [slug("linear")]);
    let lease = world.lease(&seen).await;
    let dead = FailedRefresh {
        status: HealthStatus::Error,
        note: "dead".into(),
        retry_at: None,
        is_unanswered: false,
    };
    let failed = world.store.fail_refresh(&lease, &dead, now()).await;
    assert!(failed.expect("an answer"));
    assert!(due().await.is_empty());
}
