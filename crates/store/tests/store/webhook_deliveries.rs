//! Deliveries: claimed once, in the order of their subject, a few at a time, and again by hand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    audit::Actor,
    event::EventKind,
    ids::{EventId, WebhookDeliveryId, WebhookEndpointId},
};
use keyway_store::{DeliveryOutcome, DeliveryState, Retried, Unfinished, WEBHOOK_LEASE};
use serde_json::json;

use crate::{
    support::{CROWD, World, instant, now, seconds},
    webhooks::{credential, dead, delivered, failed},
};

const CREATED: EventKind = EventKind::CREDENTIAL_CREATED;
const UPDATED: EventKind = EventKind::CREDENTIAL_UPDATED;

async fn retry(
    world: &World,
    endpoint: WebhookEndpointId,
    id: WebhookDeliveryId,
    at: DateTime<Utc>,
) -> Retried {
    let retried =
        world
            .store
            .retry_webhook_delivery(world.account, endpoint, id, Actor::Operator, at);
    retried.await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_to_the_endpoints_that_hear_of_it() {
    let world = World::new().await;
    let usual = world.endpoint().await;
    let chosen = keyway_store::NewWebhookEndpoint {
        events: Some(vec![EventKind::CREDENTIAL_REFRESHED]),
        ..crate::webhooks::new_endpoint(world.account, "https://client.example/refreshed")
    };
    world.insert_endpoint(&chosen).await;
    let stranger = world.account("stranger").await;
    world.endpoint_of(stranger).await;
    let subject = credential();
    let refreshed = world.event(subject, EventKind::CREDENTIAL_REFRESHED).await;
    let created = world.event(subject, CREATED).await;
    let claimed = world.claim_deliveries(now()).await;
    let sent: BTreeSet<(WebhookEndpointId, EventId)> = claimed
        .iter()
        .map(|claimed| (claimed.endpoint_id, claimed.event.id))
        .collect();
    assert_eq!(
        sent,
        BTreeSet::from([(usual, created), (chosen.id, refreshed)])
    );
    let event = &claimed[0].event;
    assert_eq!(
        json!(event.payload())["data"],
        json!({
            "provider": "linear", "event_id": event.id,
            "credential_id": subject, "oauth_app_id": world.app,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_holds_until_its_lease_ends() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    world.event(credential(), CREATED).await;
    assert!(world.claim_deliveries(now() - instant()).await.is_empty());
    let first = world.claim_one(now()).await;
    assert_eq!(first.attempts, 1);
    let end = now() + WEBHOOK_LEASE;
    assert!(world.claim_deliveries(end - instant()).await.is_empty());
    let second = world.claim_one(end).await;
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert!(
        !world.finish(&first, &delivered(), end).await,
        "not his any more"
    );
    assert_eq!(
        world.deliveries(endpoint, None).await[0].state,
        DeliveryState::Pending
    );
    assert!(world.finish(&second, &delivered(), end).await);
    assert!(!world.finish(&second, &dead(), end).await, "once");
    let kept = &world.deliveries(endpoint, None).await[0];
    assert_eq!(kept.state, DeliveryState::Delivered);
    assert_eq!(
        (kept.delivered_at, kept.last_status),
        (Some(end), Some(204))
    );
    assert!(world.claim_deliveries(end + WEBHOOK_LEASE).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_claimers_each_delivery_is_claimed_by_one() {
    let world = World::new().await;
    for _ in 0..16 {
        world.endpoint().await;
    }
    for _ in 0..4 {
        world.event(credential(), CREATED).await;
    }
    let claimed = world
        .race(|_, store| async move {
            let claimed = store.claim_webhook_deliveries(5, now()).await;
            claimed.expect("claimed")
        })
        .await;
    assert!(claimed.iter().all(|claimed| claimed.len() <= 5));
    let ids: Vec<WebhookDeliveryId> = claimed
        .into_iter()
        .flatten()
        .map(|claimed| claimed.id)
        .collect();
    let distinct: BTreeSet<WebhookDeliveryId> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "none twice");
    // Whoever came second to a row left it: what is over goes to the next claims.
    let mut left = world.claim_deliveries(now()).await;
    let mut all = distinct;
    while !left.is_empty() {
        for claimed in &left {
            assert!(all.insert(claimed.id), "none twice");
            assert!(world.finish(claimed, &delivered(), now()).await);
        }
        left = world.claim_deliveries(now()).await;
    }
    assert_eq!(all.len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subjects_deliveries_go_out_one_after_the_other() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    let subject = credential();
    let events = [
        world.event(subject, CREATED).await,
        world.event(subject, UPDATED).await,
        world.event(subject, UPDATED).await,
    ];
    let other = world.event(credential(), CREATED).await;
    let claimed = world.claim_deliveries(now()).await;
    let sent: BTreeSet<EventId> = claimed.iter().map(|claimed| claimed.event.id).collect();
    assert_eq!(sent, BTreeSet::from([events[0], other]));
    for claimed in &claimed {
        let again = now() + seconds(10);
        let outcome = if claimed.event.id == other {
            delivered()
        } else {
            failed(again)
        };
        assert!(world.finish(claimed, &outcome, now()).await);
    }
    // The first one failed: the others wait for it.
    assert!(world.claim_deliveries(now() + seconds(9)).await.is_empty());
    let first = world.claim_one(now() + seconds(10)).await;
    assert_eq!((first.event.id, first.attempts), (events[0], 2));
    assert!(world.claim_deliveries(now() + seconds(11)).await.is_empty());
    // A dead letter is out of the way, and so is one that arrived: the next goes at once.
    assert!(world.finish(&first, &dead(), now() + seconds(12)).await);
    let second = world.claim_one(now() + seconds(12)).await;
    assert_eq!(second.event.id, events[1]);
    assert!(
        world
            .finish(&second, &delivered(), now() + seconds(12))
            .await
    );
    let third = world.claim_one(now() + seconds(12)).await;
    assert_eq!(third.event.id, events[2]);
    assert!(
        world
            .finish(&third, &delivered(), now() + seconds(12))
            .await
    );
    let states: Vec<DeliveryState> = world
        .deliveries(endpoint, None)
        .await
        .into_iter()
        .map(|delivery| delivery.state)
        .collect();
    let (there, dead) = (DeliveryState::Delivered, DeliveryState::Dead);
    assert_eq!(states, [there, there, there, dead], "newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_sends_each_subjects_deliveries_in_order() {
    let world = World::new().await;
    world.endpoint().await;
    world.endpoint().await;
    let mut expected = BTreeMap::new();
    for _ in 0..4 {
        let subject = credential();
        for _ in 0..8 {
            let event = world.event(subject, UPDATED).await;
            let events: &mut Vec<EventId> = expected.entry(subject).or_default();
            events.push(event);
        }
    }
    let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    world
        .race(|number, store| {
            let sent = std::sync::Arc::clone(&sent);
            async move {
                // Some receivers fail at first.
                let mut failures = if number % 7 == 0 { 3 } else { 0 };
                let mut idle = 0;
                while idle < 5 {
                    let claimed = store.claim_webhook_deliveries(3, now()).await;
                    let claimed = claimed.expect("claimed");
                    idle = if claimed.is_empty() { idle + 1 } else { 0 };
                    for claimed in claimed {
                        sent.lock().expect("lock").push((
                            claimed.endpoint_id,
                            claimed.event.credential_id.expect("a credential"),
                            claimed.event.id,
                        ));
                        let outcome = if failures > 0 {
                            failures -= 1;
                            failed(now())
                        } else {
                            delivered()
                        };
                        let finished = store.finish_webhook_delivery(
                            claimed.id,
                            claimed.lease,
                            &outcome,
                            now(),
                        );
                        assert!(finished.await.expect("an answer"));
                    }
                }
            }
        })
        .await;
    // What the crowd left undone, as nobody saw it in five looks.
    let mut left = world.claim_deliveries(now() + seconds(2)).await;
    while !left.is_empty() {
        for claimed in &left {
            let subject = claimed.event.credential_id.expect("a credential");
            let one = (claimed.endpoint_id, subject, claimed.event.id);
            sent.lock().expect("lock").push(one);
            world
                .finish(claimed, &delivered(), now() + seconds(2))
                .await;
        }
        left = world.claim_deliveries(now() + seconds(2)).await;
    }
    let sent = sent.lock().expect("lock").clone();
    let mut streams: BTreeMap<_, Vec<EventId>> = BTreeMap::new();
    for (endpoint, subject, event) in sent {
        let stream = streams.entry((endpoint, subject)).or_default();
        // One that failed came again before the next.
        if stream.last() != Some(&event) {
            stream.push(event);
        }
    }
    assert_eq!(streams.len(), 8);
    for ((_, subject), stream) in streams {
        assert_eq!(stream, expected[&subject]);
    }
    assert_eq!(
        world
            .count("webhook_deliveries WHERE state = 'delivered'")
            .await,
        64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_has_four_at_a_time_and_hides_no_other() {
    let world = World::new().await;
    let busy = world.endpoint().await;
    for _ in 0..60 {
        world.event(credential(), CREATED).await;
    }
    let other = world.endpoint().await;
    world.event(credential(), CREATED).await;
    let claimed = world.claim_deliveries(now()).await;
    let to = |endpoint| {
        let to = claimed
            .iter()
            .filter(|claimed| claimed.endpoint_id == endpoint);
        to.count()
    };
    assert_eq!((to(busy), to(other)), (4, 1));
    assert!(
        world.claim_deliveries(now()).await.is_empty(),
        "four are under way"
    );
    let one = claimed
        .iter()
        .find(|claimed| claimed.endpoint_id == busy)
        .expect("one");
    assert!(world.finish(one, &delivered(), now()).await);
    assert_eq!(world.claim_deliveries(now()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_claim_is_shared_among_the_endpoints() {
    let world = World::new().await;
    for _ in 0..4 {
        world.endpoint().await;
    }
    for _ in 0..4 {
        world.event(credential(), CREATED).await;
    }
    let claimed = world.store.claim_webhook_deliveries(4, now()).await;
    let endpoints: BTreeSet<WebhookEndpointId> = claimed
        .expect("claimed")
        .iter()
        .map(|claimed| claimed.endpoint_id)
        .collect();
    assert_eq!(endpoints.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_behind_one_that_fails_hides_no_other_subject() {
    let world = World::new().await;
    world.endpoint().await;
    let stuck = credential();
    for _ in 0..100 {
        world.event(stuck, UPDATED).await;
    }
    let first = world.claim_one(now()).await;
    let later = now() + TimeDelta::hours(6);
    assert!(world.finish(&first, &failed(later), now()).await);
    let other = world
        .event_at(credential(), CREATED, now() + seconds(1))
        .await;
    let mut looks = 0;
    let claimed = loop {
        let claimed = world.claim_deliveries(now() + seconds(1)).await;
        looks += 1;
        if !claimed.is_empty() || looks == 5 {
            break claimed;
        }
    };
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].event.id, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_switched_off_and_hears_nothing_more() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    world.event(credential(), CREATED).await;
    world.event(credential(), CREATED).await;
    let claimed = world.claim_deliveries(now()).await;
    let gone = DeliveryOutcome::Gone {
        error: "it answered 410".into(),
    };
    for claimed in &claimed {
        assert!(world.finish(claimed, &gone, now()).await);
    }
    let found = world.store.find_webhook_endpoint(world.account, endpoint);
    let found = found.await.expect("an answer").expect("there");
    let disabled = found.disabled.expect("off");
    assert_eq!(disabled.reason.as_str(), "gone");
    assert_eq!((disabled.at, found.revision), (now(), 2));
    assert_eq!(
        world.audited("webhook_endpoint.disabled").await,
        [json!({"reason": "gone"})],
        "once"
    );
    let dead = world.deliveries(endpoint, Some(DeliveryState::Dead)).await;
    assert_eq!(dead.len(), 2);
    assert_eq!(dead[0].last_status, Some(410));
    world.event(credential(), CREATED).await;
    assert_eq!(world.count("webhook_deliveries").await, 2);
    let retried = retry(&world, endpoint, dead[0].id, now()).await;
    assert_eq!(retried, Retried::Disabled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_goes_out_again_by_hand() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    world.event(credential(), CREATED).await;
    let first = world.claim_one(now()).await;
    assert!(world.finish(&first, &dead(), now()).await);
    let later = now() + TimeDelta::days(4);
    let Retried::Pending(delivery) = retry(&world, endpoint, first.id, later).await else {
        panic!("not pending");
    };
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.next_attempt_at, later);
    let again = world.claim_one(later).await;
    assert_eq!((again.id, again.attempts), (first.id, 2));
    // Under way already: not twice.
    let retried = retry(&world, endpoint, first.id, later).await;
    assert!(matches!(retried, Retried::Pending(_)));
    assert!(world.claim_deliveries(later).await.is_empty());
    assert!(world.finish(&again, &delivered(), later).await);
    assert_eq!(
        retry(&world, endpoint, first.id, later).await,
        Retried::Delivered
    );
    assert_eq!(world.audited("webhook_delivery.retried").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_delivery_need_not_wait() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    world.event(credential(), CREATED).await;
    let first = world.claim_one(now()).await;
    let tomorrow = now() + TimeDelta::days(1);
    assert!(world.finish(&first, &failed(tomorrow), now()).await);
    retry(&world, endpoint, first.id, now()).await;
    assert_eq!(world.claim_one(now()).await.id, first.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_not_retried_by_a_stranger_or_at_another_endpoint() {
    let world = World::new().await;
    let stranger = world.account("stranger").await;
    let endpoint = world.endpoint().await;
    world.event(credential(), CREATED).await;
    let first = world.claim_one(now()).await;
    assert!(world.finish(&first, &dead(), now()).await);
    let other = world.endpoint().await;
    assert_eq!(
        retry(&world, other, first.id, now()).await,
        Retried::Unknown
    );
    let theirs =
        world
            .store
            .retry_webhook_delivery(stranger, endpoint, first.id, Actor::Operator, now());
    assert_eq!(theirs.await.expect("an answer"), Retried::Unknown);
    let found = world
        .store
        .find_webhook_delivery(stranger, endpoint, first.id);
    assert_eq!(found.await.expect("an answer"), None);
    assert_eq!(
        world.count("webhook_deliveries WHERE state = 'dead'").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_newest_first_in_pages_and_counted() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    for _ in 0..3 {
        world.event(credential(), CREATED).await;
    }
    let claimed = world.claim_deliveries(now()).await;
    assert!(world.finish(&claimed[0], &dead(), now()).await);
    assert!(world.finish(&claimed[1], &delivered(), now()).await);
    let counted = world.store.count_unfinished_deliveries(world.account).await;
    let unfinished = Unfinished {
        pending: 1,
        dead: 1,
    };
    assert_eq!(
        counted.expect("numbers"),
        BTreeMap::from([(endpoint, unfinished)])
    );
    let all = world.deliveries(endpoint, None).await;
    assert!(all.is_sorted_by_key(|delivery| -delivery.position));
    let page = world.store.list_webhook_deliveries(
        world.account,
        endpoint,
        None,
        Some(all[0].position),
        1,
    );
    assert_eq!(page.await.expect("a list"), all[1..2]);
    let (delivery, event) = world
        .store
        .find_webhook_delivery(world.account, endpoint, all[0].id)
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!((delivery, event.id), (all[0].clone(), all[0].event_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_finish_one_does() {
    let world = World::new().await;
    world.endpoint().await;
    world.event(credential(), CREATED).await;
    let claimed = world.claim_one(now()).await;
    let (id, lease) = (claimed.id, claimed.lease);
    let finished = world
        .race(|_, store| async move {
            let finished = store
                .finish_webhook_delivery(id, lease, &delivered(), now())
                .await;
            finished.expect("an answer")
        })
        .await;
    assert_eq!(finished.len(), CROWD);
    assert_eq!(finished.into_iter().filter(|done| *done).count(), 1);
}
