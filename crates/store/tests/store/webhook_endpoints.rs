//! Endpoints: what is stored, changed, rotated and removed.

use chrono::TimeDelta;
use keyway_domain::{audit::Actor, event::EventKind, ids::WebhookEndpointId, webhook::WebhookUrl};
use keyway_store::{
    Disabled, DisabledReason, EndpointChange, NewWebhookEndpoint, WebhookEndpoint,
    WebhookEndpointChange, WebhookRotation,
};
use serde_json::json;

use crate::{
    support::{CROWD, World, now, random, sealed, seconds},
    webhooks::{credential, new_endpoint},
};

async fn update(
    world: &World,
    id: WebhookEndpointId,
    expected: Option<i64>,
    change: &WebhookEndpointChange,
) -> EndpointChange {
    let changed = world.store.update_webhook_endpoint(
        world.account,
        id,
        expected,
        change,
        Actor::Operator,
        now() + seconds(1),
    );
    changed.await.expect("an answer")
}

async fn rotate(world: &World, id: WebhookEndpointId, new: &str, overlap: TimeDelta) {
    let rotation = WebhookRotation {
        sealed_secret: sealed(new),
        overlap,
    };
    let rotated =
        world
            .store
            .rotate_webhook_secret(world.account, id, &rotation, Actor::Operator, now());
    done(rotated.await.expect("an answer"));
}

#[track_caller]
fn done(change: EndpointChange) -> WebhookEndpoint {
    match change {
        EndpointChange::Done(endpoint) => *endpoint,
        other => panic!("{other:?}"),
    }
}

async fn find(world: &World, id: WebhookEndpointId) -> Option<WebhookEndpoint> {
    let found = world.store.find_webhook_endpoint(world.account, id).await;
    found.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_reads_back_and_is_audited() {
    let world = World::new().await;
    let new = NewWebhookEndpoint {
        description: Some("Billing".into()),
        events: Some(vec![
            EventKind::CREDENTIAL_CREATED,
            EventKind::OAUTH_APP_DELETED,
        ]),
        ..new_endpoint(world.account, "https://client.example/hooks")
    };
    world.insert_endpoint(&new).await;
    let expected = WebhookEndpoint {
        id: new.id,
        url: "https://client.example/hooks".into(),
        description: Some("Billing".into()),
        events: Some(vec![
            "credential.created".into(),
            "oauth_app.deleted".into(),
        ]),
        previous_secret_expires_at: None,
        disabled: None,
        revision: 1,
        created_at: now(),
        updated_at: now(),
    };
    assert_eq!(find(&world, new.id).await, Some(expected.clone()));
    let listed = world.store.list_webhook_endpoints(world.account, None, 10);
    assert_eq!(listed.await.expect("a list"), [expected]);
    assert_eq!(
        world.audited("webhook_endpoint.created").await,
        [json!({"url": "https://client.example/hooks"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_listed_oldest_first_in_pages() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for after in 0..3 {
        let new = NewWebhookEndpoint {
            id: WebhookEndpointId::generate(now() + seconds(after), random()),
            ..new_endpoint(world.account, "https://client.example/")
        };
        world.insert_endpoint(&new).await;
        ids.push(new.id);
    }
    let page = |after| {
        let store = world.store.clone();
        async move {
            let listed = store.list_webhook_endpoints(world.account, after, 2).await;
            let listed = listed.expect("a list");
            listed.into_iter().map(|found| found.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None).await, ids[..2]);
    assert_eq!(page(Some(ids[1])).await, ids[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_to_change_changes() {
    let world = World::new().await;
    let id = world.endpoint().await;
    let before = find(&world, id).await.expect("there");
    let change = WebhookEndpointChange {
        description: Some(Some("Billing".into())),
        ..WebhookEndpointChange::default()
    };
    let after = done(update(&world, id, Some(1), &change).await);
    let expected = WebhookEndpoint {
        description: Some("Billing".into()),
        revision: 2,
        updated_at: now() + seconds(1),
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(find(&world, id).await, Some(expected.clone()));
    let change = WebhookEndpointChange {
        url: Some(WebhookUrl::parse("https://client.example/new").expect("a URL")),
        description: Some(None),
        events: Some(Some(vec![EventKind::CREDENTIAL_REFRESHED])),
        disabled: None,
    };
    let after = done(update(&world, id, None, &change).await);
    let expected = WebhookEndpoint {
        url: "https://client.example/new".into(),
        description: None,
        events: Some(vec!["credential.refreshed".into()]),
        revision: 3,
        ..expected
    };
    assert_eq!(after, expected);
    let change = WebhookEndpointChange {
        events: Some(None),
        ..WebhookEndpointChange::default()
    };
    assert_eq!(done(update(&world, id, None, &change).await).events, None);
    assert_eq!(world.audited("webhook_endpoint.updated").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_is_not_changed() {
    let world = World::new().await;
    let id = world.endpoint().await;
    let change = WebhookEndpointChange {
        disabled: Some(true),
        ..WebhookEndpointChange::default()
    };
    assert_eq!(
        update(&world, id, Some(2), &change).await,
        EndpointChange::Stale
    );
    let removed =
        world
            .store
            .delete_webhook_endpoint(world.account, id, Some(2), Actor::Operator, now());
    assert_eq!(removed.await.expect("an answer"), EndpointChange::Stale);
    assert_eq!(find(&world, id).await.expect("there").revision, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_changes_to_one_revision_one_is_made() {
    let world = World::new().await;
    let id = world.endpoint().await;
    let account = world.account;
    let changes = world
        .race(|number, store| async move {
            let change = WebhookEndpointChange {
                description: Some(Some(format!("{number}"))),
                ..WebhookEndpointChange::default()
            };
            let changed = store.update_webhook_endpoint(
                account,
                id,
                Some(1),
                &change,
                Actor::Operator,
                now(),
            );
            changed.await.expect("an answer")
        })
        .await;
    let stale = changes
        .iter()
        .filter(|change| **change == EndpointChange::Stale);
    assert_eq!(stale.count(), CROWD - 1);
    assert_eq!(find(&world, id).await.expect("there").revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_endpoint_hears_of_nothing_until_it_is_enabled() {
    let world = World::new().await;
    let id = world.endpoint().await;
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    let switch = |disabled| WebhookEndpointChange {
        disabled: Some(disabled),
        ..WebhookEndpointChange::default()
    };
    let off = done(update(&world, id, None, &switch(true)).await);
    let since = Disabled {
        at: now() + seconds(1),
        reason: DisabledReason::ByHand,
    };
    assert_eq!(off.disabled, Some(since));
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    assert_eq!(world.count("webhook_deliveries").await, 1);
    assert!(world.claim_deliveries(now()).await.is_empty(), "it waits");
    let on = done(update(&world, id, None, &switch(false)).await);
    assert_eq!(on.disabled, None);
    assert_eq!(world.claim_deliveries(now()).await.len(), 1, "it goes on");
    assert_eq!(world.audited("webhook_endpoint.disabled").await.len(), 1);
    assert_eq!(world.audited("webhook_endpoint.enabled").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_overlap_after_a_rotation() {
    let world = World::new().await;
    let id = world.endpoint().await;
    rotate(&world, id, "second", seconds(60)).await;
    rotate(&world, id, "third", seconds(60)).await;
    let endpoint = find(&world, id).await.expect("there");
    assert_eq!(
        endpoint.previous_secret_expires_at,
        Some(now() + seconds(60))
    );
    assert_eq!(endpoint.revision, 3);
    for (after, previous) in [(59, Some(sealed("second"))), (60, None)] {
        world
            .event(credential(), EventKind::CREDENTIAL_CREATED)
            .await;
        let claimed = world.claim_one(now() + seconds(after)).await;
        assert_eq!(claimed.sealed_secret, sealed("third"));
        assert_eq!(claimed.sealed_previous_secret, previous, "{after}");
    }
    assert_eq!(
        world.audited("webhook_endpoint.secret_rotated").await[0],
        json!({"overlap_seconds": 60})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_without_overlap_erases_the_secret_before() {
    let world = World::new().await;
    let id = world.endpoint().await;
    rotate(&world, id, "second", seconds(60)).await;
    rotate(&world, id, "third", seconds(0)).await;
    let left = "webhook_endpoints WHERE sealed_previous_secret IS NOT NULL";
    assert_eq!(world.count(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_goes_with_its_deliveries() {
    let world = World::new().await;
    let id = world.endpoint().await;
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    let removed =
        world
            .store
            .delete_webhook_endpoint(world.account, id, Some(1), Actor::Operator, now());
    done(removed.await.expect("an answer"));
    assert_eq!(find(&world, id).await, None);
    assert_eq!(world.count("webhook_deliveries").await, 0);
    assert_eq!(world.count("events").await, 2, "the app's and this one");
    assert_eq!(
        world.audited("webhook_endpoint.deleted").await,
        [json!({"url": "https://client.example/hooks"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_a_strangers_neither_to_see_nor_to_change() {
    let world = World::new().await;
    let stranger = world.account("stranger").await;
    let id = world.endpoint().await;
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    let store = &world.store;
    let found = store.find_webhook_endpoint(stranger, id).await;
    assert_eq!(found.expect("an answer"), None);
    let listed = store.list_webhook_endpoints(stranger, None, 10).await;
    assert_eq!(listed.expect("a list"), []);
    let change = WebhookEndpointChange {
        disabled: Some(true),
        ..WebhookEndpointChange::default()
    };
    let changed =
        store.update_webhook_endpoint(stranger, id, None, &change, Actor::Operator, now());
    assert_eq!(changed.await.expect("an answer"), EndpointChange::Unknown);
    let rotation = WebhookRotation {
        sealed_secret: sealed("theirs"),
        overlap: seconds(60),
    };
    let rotated = store.rotate_webhook_secret(stranger, id, &rotation, Actor::Operator, now());
    assert_eq!(rotated.await.expect("an answer"), EndpointChange::Unknown);
    let removed = store.delete_webhook_endpoint(stranger, id, None, Actor::Operator, now());
    assert_eq!(removed.await.expect("an answer"), EndpointChange::Unknown);
    let listed = store.list_webhook_deliveries(stranger, id, None, None, 10);
    assert_eq!(listed.await.expect("a list"), []);
    let counted = store.count_unfinished_deliveries(stranger).await;
    assert!(counted.expect("numbers").is_empty());
    assert_eq!(find(&world, id).await.expect("there").revision, 1);
}
