//! An account gets nothing that is another's, whatever id it names.

use keyway_domain::audit::Actor;
use keyway_store::{OauthAppChange, Removal};

use crate::support::{World, new_uri, now, seconds};

/// Everything that a tenant can have, and a stranger beside.
async fn world_and_stranger() -> (World, keyway_domain::ids::AccountId) {
    let world = World::new().await;
    let stranger = world.account("stranger").await;
    (world, stranger)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_not_found_for_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    let found = world.store.find_oauth_app(stranger, world.app).await;
    assert!(found.expect("an answer").is_none());
    let listed = world.store.list_oauth_apps(stranger).await;
    assert!(listed.expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_not_changed_by_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    let change = OauthAppChange {
        name: Some("Mine now".into()),
        ..OauthAppChange::default()
    };
    let changed =
        world
            .store
            .update_oauth_app(stranger, world.app, &change, Actor::Operator, now());
    assert!(changed.await.expect("an answer").is_none());
    assert_eq!(world.count("oauth_apps WHERE name = 'Mine now'").await, 0);
    assert_eq!(
        world
            .count("audit_events WHERE action = 'oauth_app.updated'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_not_removed_by_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    let removed =
        world
            .store
            .remove_oauth_app(stranger, world.app, true, None, Actor::Operator, now());
    assert_eq!(removed.await.expect("an answer"), Removal::Unknown);
    assert_eq!(world.count("oauth_apps").await, 1);
    assert_eq!(
        world
            .count("audit_events WHERE action = 'oauth_app.deleted'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_is_a_strangers_neither_to_list_nor_to_remove() {
    let (world, stranger) = world_and_stranger().await;
    let uri = new_uri("https://client.example/cb");
    let inserted = world
        .store
        .insert_redirect_uri(world.account, &uri, Actor::Operator);
    inserted.await.expect("stored");
    let listed = world.store.list_redirect_uris(stranger).await;
    assert!(listed.expect("a list").is_empty());
    let removed = world
        .store
        .delete_redirect_uri(stranger, uri.id, Actor::Operator, now());
    assert!(!removed.await.expect("an answer"));
    assert_eq!(world.count("redirect_uris").await, 1);
    assert_eq!(
        world
            .count("audit_events WHERE action = 'redirect_uri.removed'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_is_no_target_of_a_strangers_app() {
    let (world, stranger) = world_and_stranger().await;
    let uri = new_uri("https://client.example/cb");
    let inserted = world
        .store
        .insert_redirect_uri(world.account, &uri, Actor::Operator);
    inserted.await.expect("stored");
    let app = world.app_of(stranger, "client").await;
    let target = world.store.find_link_target(app).await;
    let target = target.expect("an answer").expect("the app");
    assert_eq!(target.redirect_uris, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_not_found_for_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    let id = world.connected("workspace").await.credential_id;
    let found = world.store.find_credential(stranger, id).await;
    assert!(found.expect("an answer").is_none());
    let listed = world
        .store
        .list_credentials(
            stranger,
            &keyway_store::CredentialFilter::default(),
            None,
            10,
        )
        .await;
    assert!(listed.expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_not_found_for_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    let id = world.started().await.id;
    let found = world.store.find_flow(stranger, id).await;
    assert!(found.expect("an answer").is_none());
    let listed = world.store.list_flows(stranger, None, 10).await;
    assert!(listed.expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_event_is_not_listed_for_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    world.connected("workspace").await;
    let listed = world.store.list_audit_actions(stranger, 100).await;
    let actions: Vec<String> = listed
        .expect("a list")
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(actions, ["admin.created"], "the stranger's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overview_counts_nothing_of_a_stranger() {
    let (world, stranger) = world_and_stranger().await;
    world.connected("workspace").await;
    let counted = world
        .store
        .count_overview(stranger, now() - seconds(60))
        .await;
    let counted = counted.expect("numbers");
    let numbers = [
        counted.oauth_apps,
        counted.redirect_uris,
        counted.credentials,
        counted.connected,
        counted.failed,
    ];
    assert_eq!(numbers, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_of_the_same_name_stays_its_own_accounts() {
    let (world, stranger) = world_and_stranger().await;
    let ours = world.connected("workspace").await;
    let app = world.app_of(stranger, "client").await;
    let issued = world
        .issue(&World::session_of(stranger, app), "workspace")
        .await;
    let theirs = world
        .store
        .redeem_authorization_code(issued.code, app, None, now());
    let theirs = theirs.await.expect("an answer").expect("redeemed");
    assert_eq!(theirs.account_id, stranger);
    assert_ne!(theirs.credential_id, ours.credential_id);
    assert_eq!(world.count("grants").await, 2);
}
