//! The queue of grants that have to end at their provider.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use keyway_domain::{
    audit::Actor,
    authorization_code::Redeemed,
    revocation::{EndReason, Revocation, RevocationOutcome},
};
use keyway_store::{ClaimedRevocation, FinishedRevocation};
use serde_json::{Value, json};

use crate::support::{CROWD, World, instant, now, sealed, seconds, slug, values};

async fn claim(world: &World, at: DateTime<Utc>) -> Vec<ClaimedRevocation> {
    let claimed = world.store.claim_revocations(1000, at).await;
    claimed.expect("an answer")
}

async fn deleted(world: &World, external: &str) -> Redeemed {
    let connected = world.connected(external).await;
    let id = connected.credential_id;
    let deleted = world
        .store
        .delete_credential(world.account, id, None, Actor::Operator, now());
    deleted.await.expect("deleted");
    connected
}

fn finished(outcome: RevocationOutcome, again_at: Option<DateTime<Utc>>) -> FinishedRevocation {
    let detail = (outcome == RevocationOutcome::Failed).then(|| "down".to_owned());
    FinishedRevocation {
        revocation: Revocation { outcome, detail },
        again_at,
    }
}

const REVOKED: RevocationOutcome = RevocationOutcome::Revoked;
const FAILED: RevocationOutcome = RevocationOutcome::Failed;

async fn finish(world: &World, claim: &ClaimedRevocation, how: &FinishedRevocation) -> bool {
    let finished = world.store.finish_revocation(claim, how, now()).await;
    finished.expect("an answer")
}

/// The events about credentials that ended, in order: from the table, as the list waits for the
/// transactions of other tests.
async fn told(world: &World) -> Vec<(String, Value)> {
    let events = world
        .sql("SELECT jsonb_build_array(kind, data -> 'revocation') FROM events WHERE kind IN ('credential.deleted', 'credential.revoked') ORDER BY position")
        .await;
    let events = events.iter().map(|event| serde_json::from_str(event));
    events.map(|event| event.expect("a pair")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_holds_what_the_provider_must_be_told() {
    let world = World::new().await;
    let connected = deleted(&world, "workspace").await;
    let claims = claim(&world, now()).await;
    let [claimed] = claims.as_slice() else {
        panic!("{claims:?}")
    };
    let target = &claimed.target;
    assert_eq!(target.grant_id, connected.grant_id);
    assert_eq!(
        (target.account_id, target.oauth_app_id),
        (world.account, world.app)
    );
    assert_eq!(
        (&target.provider, target.client_id.as_str()),
        (&slug("linear"), "client")
    );
    assert_eq!(target.sealed_client_secret, sealed("client secret"));
    assert_eq!(
        (target.external_id.as_str(), &target.public["scope"]),
        ("workspace", &json!("read"))
    );
    assert_eq!(target.sealed_secrets, sealed("tokens"));
    assert_eq!(target.variables, values(&[("shop", "acme.example")]));
    assert_eq!((claimed.reason, claimed.attempt), (EndReason::Deleted, 1));
    assert!(!claimed.is_superseded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_one_callers_for_thirty_seconds() {
    let world = World::new().await;
    let grant = deleted(&world, "workspace").await.grant_id;
    let first = claim(&world, now()).await.remove(0);
    let second = world
        .store
        .claim_revocation(grant, now() + seconds(30) - instant());
    assert!(second.await.expect("an answer").is_none());
    let second = world
        .store
        .claim_revocation(grant, now() + seconds(30))
        .await;
    let second = second.expect("an answer").expect("claimed again");
    assert_eq!(second.attempt, 2);
    assert!(
        !finish(&world, &first, &finished(REVOKED, None)).await,
        "too late"
    );
    assert_eq!(world.count("grants").await, 1);
    assert!(finish(&world, &second, &finished(REVOKED, None)).await);
    assert_eq!(world.count("grants").await, 0);
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_under_way_ends_first() {
    let world = World::new().await;
    deleted(&world, "workspace").await;
    let until = now() + seconds(20);
    world
        .sql(&format!(
            "UPDATE grants SET lease_id = gen_random_uuid(), leased_until = '{until}'"
        ))
        .await;
    assert!(claim(&world, until - instant()).await.is_empty());
    assert_eq!(claim(&world, until).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_grant_is_claimed_once() {
    let world = World::new().await;
    let mut grants = BTreeSet::new();
    for number in 0..CROWD {
        grants.insert(
            deleted(&world, &format!("workspace {number}"))
                .await
                .grant_id,
        );
    }
    let claims = world
        .race(|_, store| async move {
            let claims = store.claim_revocations(3, now()).await;
            claims.expect("an answer")
        })
        .await;
    let claimed: Vec<_> = claims
        .into_iter()
        .flatten()
        .map(|claim| claim.target.grant_id)
        .collect();
    assert_eq!(claimed.len(), CROWD, "none twice");
    assert_eq!(
        claimed.into_iter().collect::<BTreeSet<_>>(),
        grants,
        "and none forgotten"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_claim_a_grant_one_does() {
    let world = World::new().await;
    let grant = deleted(&world, "workspace").await.grant_id;
    let claims = world
        .race(|_, store| async move {
            let claim = store.claim_revocation(grant, now()).await;
            claim.expect("an answer").is_some()
        })
        .await;
    assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_outcome_is_told_and_a_later_success() {
    let world = World::new().await;
    deleted(&world, "workspace").await;
    let failed = json!({"outcome": "failed", "detail": "down"});
    for attempt in 1..=3_i32 {
        let at = now() + seconds(i64::from(attempt) * 60);
        let claimed = claim(&world, at).await.remove(0);
        assert_eq!(claimed.attempt, attempt);
        assert!(finish(&world, &claimed, &finished(FAILED, Some(at + seconds(60)))).await);
        assert!(claim(&world, at + seconds(60) - instant()).await.is_empty());
        let first = [("credential.deleted".to_owned(), failed.clone())];
        assert_eq!(told(&world).await, first, "once");
    }
    let claimed = claim(&world, now() + seconds(240)).await.remove(0);
    assert!(finish(&world, &claimed, &finished(REVOKED, None)).await);
    assert_eq!(
        told(&world).await,
        [
            ("credential.deleted".to_owned(), failed),
            (
                "credential.revoked".to_owned(),
                json!({"outcome": "revoked"})
            ),
        ]
    );
    assert_eq!(world.count("grants").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_unredeemed_grant_is_nobodys_event() {
    let world = World::new().await;
    world.issued("workspace").await;
    let later = now() + seconds(120);
    let ended = world.store.end_unredeemed_grants(later).await;
    assert_eq!(ended.expect("an answer"), 1);
    let claimed = claim(&world, later).await.remove(0);
    assert_eq!(claimed.reason, EndReason::Unredeemed);
    assert!(finish(&world, &claimed, &finished(REVOKED, None)).await);
    assert!(told(&world).await.is_empty());
    assert_eq!(world.count("grants").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_beside_a_credential_of_the_same_app_and_account_says_so() {
    let world = World::new().await;
    deleted(&world, "workspace").await;
    world.connected("workspace").await;
    deleted(&world, "another").await;
    let other = world.app_of(world.account, "other").await;
    world
        .issue(&world.session_of(world.account, other), "workspace")
        .await;
    let later = now() + seconds(120);
    world
        .store
        .end_unredeemed_grants(later)
        .await
        .expect("ended");
    let claims = claim(&world, later).await;
    assert_eq!(claims.len(), 3);
    let superseded: Vec<_> = claims.iter().filter(|claim| claim.is_superseded).collect();
    assert_eq!(superseded.len(), 1);
    assert_eq!(superseded[0].target.external_id, "workspace");
    assert_eq!(superseded[0].target.oauth_app_id, world.app);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_app_goes_with_its_last_grant() {
    let world = World::new().await;
    for external in ["one", "two"] {
        world.connected(external).await;
    }
    world
        .store
        .remove_oauth_app(world.account, world.app, true, None, Actor::Operator, now())
        .await
        .expect("removed");
    let claims = claim(&world, now()).await;
    assert!(
        claims
            .iter()
            .all(|claim| claim.reason == EndReason::AppRemoved)
    );
    assert!(finish(&world, &claims[0], &finished(REVOKED, None)).await);
    assert_eq!(world.count("oauth_apps").await, 1);
    let again = Some(now() + seconds(60));
    assert!(finish(&world, &claims[1], &finished(FAILED, again)).await);
    assert_eq!(world.count("oauth_apps").await, 1);
    let last = claim(&world, now() + seconds(60)).await.remove(0);
    assert!(finish(&world, &last, &finished(FAILED, None)).await);
    assert_eq!(world.count("oauth_apps").await, 0);
    assert_eq!(told(&world).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_end_at_once_leave_no_removed_app() {
    let world = World::new().await;
    for number in 0..CROWD {
        world.connected(&format!("workspace {number}")).await;
    }
    world
        .store
        .remove_oauth_app(world.account, world.app, true, None, Actor::Operator, now())
        .await
        .expect("removed");
    let claims = claim(&world, now()).await;
    let ended = world
        .race(|number, store| {
            let claim = claims[number].clone();
            async move {
                let how = finished(REVOKED, None);
                store.finish_revocation(&claim, &how, now()).await
            }
        })
        .await;
    assert!(ended.into_iter().all(|ended| ended.expect("an answer")));
    world.store.sweep(now()).await.expect("swept");
    assert_eq!(world.count("oauth_apps").await, 0);
    assert_eq!(told(&world).await.len(), CROWD);
}

mod of_a_credential_that_stays {
    use super::*;

    async fn lease(
        world: &World,
        of: &Redeemed,
        at: DateTime<Utc>,
    ) -> Option<keyway_domain::ids::LeaseId> {
        let leased = world
            .store
            .lease_revocation(world.account, of.credential_id, at);
        leased.await.expect("an answer").map(|(lease, _)| lease)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_in_health_error_and_not_refreshed_again() {
        let world = World::new().await;
        let connected = world.connected("workspace").await;
        world
            .sql(&format!("UPDATE grants SET refresh_at = '{}'", now()))
            .await;
        let leased = lease(&world, &connected, now()).await.expect("a lease");
        let marked = world.store.mark_revoked(
            connected.credential_id,
            (leased, connected.grant_id),
            "Revoked.",
            Actor::Operator,
            now(),
        );
        assert!(marked.await.expect("an answer"));
        let found = world
            .store
            .find_credential(world.account, connected.credential_id);
        let found = found.await.expect("an answer").expect("the credential");
        assert_eq!(
            found.health.status,
            keyway_domain::health::HealthStatus::Error
        );
        assert_eq!(found.health.notes, ["Revoked."]);
        assert_eq!((found.refresh_at, found.revision), (None, 2));
        assert_eq!(world.count("grants WHERE lease_id IS NULL").await, 1);
        let revoked = (
            "credential.revoked".to_owned(),
            json!({"outcome": "revoked"}),
        );
        assert_eq!(told(&world).await, [revoked]);
        assert_eq!(world.audited("credential.revoked").await.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lease_is_one_callers_until_it_ends_or_is_given_back() {
        let world = World::new().await;
        let connected = world.connected("workspace").await;
        let first = lease(&world, &connected, now()).await.expect("a lease");
        assert!(
            lease(&world, &connected, now() + seconds(30) - instant())
                .await
                .is_none()
        );
        let second = lease(&world, &connected, now() + seconds(30)).await;
        let second = second.expect("the next lease");
        let late = world.store.mark_revoked(
            connected.credential_id,
            (first, connected.grant_id),
            "Revoked.",
            Actor::Operator,
            now(),
        );
        assert!(!late.await.expect("an answer"), "the first is over");
        let released = world.store.release_lease(connected.grant_id, second).await;
        released.expect("released");
        assert!(lease(&world, &connected, now()).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_renewal_meanwhile_wins() {
        let world = World::new().await;
        let connected = world.connected("workspace").await;
        let leased = lease(&world, &connected, now()).await.expect("a lease");
        world.connected("workspace").await;
        let marked = world.store.mark_revoked(
            connected.credential_id,
            (leased, connected.grant_id),
            "Revoked.",
            Actor::Operator,
            now(),
        );
        assert!(!marked.await.expect("an answer"));
        assert_eq!(
            world.count("credentials WHERE health_status = 'ok'").await,
            1
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_strangers_credential_is_not_leased() {
        let world = World::new().await;
        let connected = world.connected("workspace").await;
        let stranger = world.account("stranger").await;
        let leased = world
            .store
            .lease_revocation(stranger, connected.credential_id, now());
        assert!(leased.await.expect("an answer").is_none());
    }
}
