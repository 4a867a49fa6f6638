//! OAuth apps, found by what they have.

use keyway_domain::{audit::Actor, ids::OauthAppId};
use keyway_store::{NewOauthApp, OauthAppFilter};
use serde_json::{Value, json};

use crate::support::{World, new_app, now, random, seconds, slug};

async fn add(world: &World, provider: &str, metadata: Value) -> OauthAppId {
    let at = now() + seconds(1);
    let id = OauthAppId::generate(at, random());
    let new = NewOauthApp {
        id,
        provider: slug(provider),
        variables: std::collections::BTreeMap::new(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        ..new_app(world.account, &id.to_string())
    };
    let inserted = world.store.insert_oauth_app(&new, Actor::Operator).await;
    inserted.expect("stored");
    id
}

async fn search(world: &World, filter: &OauthAppFilter) -> Vec<OauthAppId> {
    let found = world
        .store
        .search_oauth_apps(world.account, filter, None, 10)
        .await;
    found.expect("a list").iter().map(|app| app.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_found_by_provider_and_metadata() {
    let world = World::new().await;
    let stripe = add(
        &world,
        "stripe",
        json!({"team": {"id": 7}, "tags": ["a", "b"]}),
    )
    .await;
    add(&world, "linear", json!({"team": {"id": 8}})).await;
    let of_provider = OauthAppFilter {
        provider: Some(slug("stripe")),
        ..OauthAppFilter::default()
    };
    assert_eq!(search(&world, &of_provider).await, [stripe]);
    for contained in [json!({"team": {"id": 7}}), json!({"tags": ["b"]})] {
        let with_metadata = OauthAppFilter {
            metadata: contained.as_object().cloned(),
            ..OauthAppFilter::default()
        };
        assert_eq!(search(&world, &with_metadata).await, [stripe]);
    }
    assert_eq!(search(&world, &OauthAppFilter::default()).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_and_strangers_and_removed_apps_stay_out() {
    let world = World::new().await;
    let second = add(&world, "linear", json!({})).await;
    let page = |after| {
        let store = world.store.clone();
        let account = world.account;
        async move {
            let filter = OauthAppFilter::default();
            let found = store.search_oauth_apps(account, &filter, after, 1).await;
            found
                .expect("a list")
                .iter()
                .map(|app| app.id)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None).await, [world.app]);
    assert_eq!(page(Some(world.app)).await, [second]);
    assert!(page(Some(second)).await.is_empty());
    let stranger = world.account("stranger").await;
    let both = [world.app, second];
    let of_stranger = world.store.find_oauth_apps(stranger, &both).await;
    assert!(of_stranger.expect("a list").is_empty());
    world
        .sql(&format!(
            "UPDATE oauth_apps SET removed_at = now() WHERE id = '{second}'"
        ))
        .await;
    let found = world.store.find_oauth_apps(world.account, &both).await;
    assert_eq!(found.expect("a list").len(), 1);
    assert!(page(Some(world.app)).await.is_empty());
}
