//! How long things are kept.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    audit::Actor,
    event::EventKind,
    ids::{IdempotencyKeyId, WebhookEndpointId},
};
use keyway_store::{NewIdempotencyKey, Outlived, WebhookEndpointChange, WebhookRotation};

use crate::{
    support::{World, digest, instant, now, random, sealed, seconds},
    webhooks::{credential, dead, delivered},
};

const MONTH: TimeDelta = TimeDelta::days(30);

async fn sweep(world: &World, at: DateTime<Utc>) -> Outlived {
    world.store.sweep_outlived(at).await.expect("swept")
}

async fn disable(world: &World, endpoint: WebhookEndpointId) {
    let change = WebhookEndpointChange {
        disabled: Some(true),
        ..WebhookEndpointChange::default()
    };
    let disabled = world.store.update_webhook_endpoint(
        world.account,
        endpoint,
        None,
        &change,
        Actor::Operator,
        now(),
    );
    disabled.await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_for_thirty_days() {
    let world = World::new().await;
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    assert_eq!(sweep(&world, now() + MONTH).await, Outlived::default());
    // With the one of the world's app.
    assert_eq!(sweep(&world, now() + MONTH + instant()).await.events, 2);
    assert_eq!(world.count("events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_with_its_deliveries_but_not_while_one_is_pending() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    for _ in 0..3 {
        world
            .event(credential(), EventKind::CREDENTIAL_CREATED)
            .await;
    }
    let claimed = world.claim_deliveries(now()).await;
    assert!(world.finish(&claimed[0], &delivered(), now()).await);
    assert!(world.finish(&claimed[1], &dead(), now()).await);
    let old = now() + MONTH + instant();
    assert_eq!(sweep(&world, old).await.events, 3);
    assert_eq!(world.count("webhook_deliveries").await, 1);
    assert_eq!(sweep(&world, old).await, Outlived::default());
    disable(&world, endpoint).await;
    assert_eq!(sweep(&world, old).await.events, 1, "it would wait for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sweeps_share_the_work() {
    let world = World::new().await;
    world
        .sql(&format!(
            "INSERT INTO events (id, account_id, kind, credential_id, data, created_at)
             SELECT gen_random_uuid(), '{}', 'credential.created', gen_random_uuid(), '{{}}', '{}'
             FROM generate_series(1, 3000)",
            world.account,
            now()
        ))
        .await;
    let erased = world
        .race(|_, store| async move {
            let swept = store.sweep_outlived(now() + MONTH + instant()).await;
            swept.expect("swept").events
        })
        .await;
    assert_eq!(erased.into_iter().sum::<usize>(), 3001);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_remembered_for_a_day() {
    let world = World::new().await;
    let new = NewIdempotencyKey {
        id: IdempotencyKeyId::generate(now(), random()),
        account_id: world.account,
        key: "key",
        digest: digest(),
        created_at: now(),
    };
    world.store.begin_idempotent(&new).await.expect("begun");
    let day = TimeDelta::days(1);
    assert_eq!(sweep(&world, now() + day).await.idempotency_keys, 0);
    let later = now() + day + instant();
    assert_eq!(sweep(&world, later).await.idempotency_keys, 1);
    assert_eq!(world.count("idempotency_keys").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_before_a_rotation_is_erased_when_it_signs_no_more() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    let rotation = WebhookRotation {
        sealed_secret: sealed("new"),
        overlap: seconds(60),
    };
    let rotated = world.store.rotate_webhook_secret(
        world.account,
        endpoint,
        &rotation,
        Actor::Operator,
        now(),
    );
    rotated.await.expect("rotated");
    let kept = "webhook_endpoints WHERE sealed_previous_secret IS NOT NULL";
    let end = now() + seconds(60);
    assert_eq!(sweep(&world, end - instant()).await.webhook_secrets, 0);
    assert_eq!(world.count(kept).await, 1);
    assert_eq!(sweep(&world, end).await.webhook_secrets, 1);
    assert_eq!(world.count(kept).await, 0);
}
