//! What a failure says, and what it never says.

use keyway_domain::{audit::Actor, redirect_uri::RedirectUriTemplate};
use keyway_store::{Conflict, NewOauthApp, StoreError};

use crate::support::{World, completion, new_app, new_uri, now};

/// In a row that clashes, and in no error.
const CANARY: &str = "canary";

#[track_caller]
fn assert_silent(error: &StoreError) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(CANARY), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_exists_is_a_conflict_that_quotes_nothing() {
    let world = World::new().await;
    let new = new_uri("https://client.example/canary");
    let first = world
        .store
        .insert_redirect_uri(world.account, &new, Actor::Operator);
    first.await.expect("stored");
    let second = world
        .store
        .insert_redirect_uri(world.account, &new, Actor::Operator);
    let error = second.await.expect_err("refused");
    assert!(
        matches!(error, StoreError::Conflict(Conflict::Exists)),
        "{error:?}"
    );
    assert_silent(&error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_breaks_a_rule_is_refused_without_a_quote() {
    let world = World::new().await;
    let nameless = NewOauthApp {
        name: String::new(),
        ..new_app(world.account, CANARY)
    };
    let inserted = world
        .store
        .insert_oauth_app(&nameless, Actor::Operator)
        .await;
    let error = inserted.expect_err("refused");
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
    assert_silent(&error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_postgres_cannot_hold_is_refused_without_a_quote() {
    let world = World::new().await;
    let claimed = world.claimed().await;
    let mut completion = completion(claimed, "workspace");
    let text = format!("{CANARY}\0").into();
    completion.grant.public.insert("name".into(), text);
    let completed = world.store.complete_authorization(&completion, now()).await;
    let error = completed.expect_err("refused");
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
    assert_silent(&error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_read_names_its_table_and_column() {
    let world = World::new().await;
    world.connected("workspace").await;
    for (tampering, table, column) in [
        (
            "UPDATE grants SET secret_names = '\"canary\"'",
            "grants",
            "secret_names",
        ),
        (
            "UPDATE grants SET properties = '[\"canary\"]'",
            "grants",
            "properties",
        ),
        (
            "UPDATE credentials SET provider = 'Canary!'",
            "credentials",
            "provider",
        ),
    ] {
        world.sql(tampering).await;
        let listed = world
            .store
            .list_credentials(
                world.account,
                &keyway_store::CredentialFilter::default(),
                None,
                10,
            )
            .await;
        let error = listed.expect_err("unreadable");
        assert_eq!(
            error.to_string(),
            format!("table {table} holds an unreadable {column}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_that_does_not_read_is_corrupt() {
    let world = World::new().await;
    let wrong = "http://client.example/canary";
    assert!(RedirectUriTemplate::parse(wrong).is_err());
    let insert = format!(
        "INSERT INTO redirect_uris VALUES (gen_random_uuid(), '{}', '{wrong}', now())",
        world.account
    );
    world.sql(&insert).await;
    let errors = [
        world.store.list_redirect_uris(world.account).await.err(),
        world.store.find_link_target(world.app).await.err(),
    ];
    for error in errors {
        let error = error.expect("unreadable");
        assert_eq!(
            error.to_string(),
            "table redirect_uris holds an unreadable uri"
        );
    }
}
