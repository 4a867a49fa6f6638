//! Credentials by a part of what people call them.

use keyway_domain::{health::HealthStatus, ids::CredentialId};
use keyway_store::{CredentialSearch, FoundCredentials};

use crate::support::World;

const ALL: CredentialSearch<'_> = CredentialSearch {
    text: "",
    health: None,
    before: None,
    limit: 50,
};

async fn search(world: &World, search: CredentialSearch<'_>) -> FoundCredentials {
    let found = world.store.search_credentials(world.account, search).await;
    found.expect("an answer")
}

/// The external ids of what is found.
async fn found(world: &World, text: &str) -> Vec<String> {
    let found = search(world, CredentialSearch { text, ..ALL }).await;
    assert_eq!(found.next, None);
    let mut ids: Vec<String> = found
        .credentials
        .into_iter()
        .map(|credential| credential.external.id)
        .collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_in_any_case_of_each_name_is_enough() {
    let world = World::new().await;
    for id in ["alpha", "beta", "gamma"] {
        world.connected(id).await;
    }
    world
        .sql(
            "UPDATE credentials SET name = 'Northern Office' WHERE external_id = 'beta';
             UPDATE credentials SET end_user_id = 'user-77' WHERE external_id = 'gamma'",
        )
        .await;
    assert_eq!(found(&world, "").await, ["alpha", "beta", "gamma"]);
    assert_eq!(found(&world, "LPH").await, ["alpha"]);
    assert_eq!(found(&world, "label of b").await, ["beta"]);
    assert_eq!(found(&world, "northern").await, ["beta"]);
    assert_eq!(found(&world, "ER-7").await, ["gamma"]);
    assert!(found(&world, "delta").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_that_mean_something_to_the_database_are_text() {
    let world = World::new().await;
    for id in ["50%", "50", "a_b", "axb", r"back\slash"] {
        world.connected(id).await;
    }
    assert_eq!(found(&world, "0%").await, ["50%"]);
    assert_eq!(found(&world, "a_b").await, ["a_b"]);
    assert_eq!(found(&world, r"k\s").await, [r"back\slash"]);
    assert!(found(&world, "' OR true --").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_can_be_for_the_unwell() {
    let world = World::new().await;
    for id in ["one", "two"] {
        world.connected(id).await;
    }
    world
        .sql("UPDATE credentials SET health_status = 'error' WHERE external_id = 'two'")
        .await;
    let of = async |health| {
        let health = Some(health);
        let text = "label";
        let found = search(
            &world,
            CredentialSearch {
                text,
                health,
                ..ALL
            },
        );
        found.await.credentials.len()
    };
    assert_eq!(of(HealthStatus::Error).await, 1);
    assert_eq!(of(HealthStatus::Ok).await, 1);
    assert_eq!(of(HealthStatus::Warn).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_nothing() {
    let world = World::new().await;
    world.connected("workspace").await;
    let stranger = world.account("stranger").await;
    let found = world.store.search_credentials(stranger, ALL).await;
    assert!(found.expect("an answer").credentials.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_match_once_newest_first() {
    let world = World::new().await;
    for number in 0..5 {
        world.connected(&format!("match-{number}")).await;
        world.connected(&format!("other-{number}")).await;
    }
    let mut before = None;
    let mut ids: Vec<CredentialId> = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let (text, limit) = ("h-", 2);
        let page = search(
            &world,
            CredentialSearch {
                text,
                before,
                limit,
                ..ALL
            },
        )
        .await;
        sizes.push(page.credentials.len());
        ids.extend(page.credentials.iter().map(|credential| credential.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert!(ids.is_sorted_by(|one, next| one > next));
}

/// 25,000 credentials, and the one that is looked for is the oldest.
#[tokio::test(flavor = "multi_thread")]
async fn one_search_looks_at_a_part_and_says_where_to_go_on() {
    let world = World::new().await;
    world.connected("needle").await;
    world
        .sql(
            "WITH copies AS (
                 INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, properties,
                                     secret_names, sealed_secrets, variables, created_at)
                 SELECT ('ffff0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, account_id, oauth_app_id, provider,
                        kind, 'hay-' || n, properties, secret_names, sealed_secrets, variables, created_at
                 FROM grants, generate_series(1, 25000) n
                 RETURNING *
             )
             INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id,
                                      health_at, created_at, updated_at)
             SELECT id, account_id, oauth_app_id, provider, kind, external_id, id, created_at, created_at, created_at
             FROM copies",
        )
        .await;
    let text = "needle";
    let first = search(&world, CredentialSearch { text, ..ALL }).await;
    assert!(first.credentials.is_empty());
    let before = first.next;
    assert!(before.is_some());
    let second = search(
        &world,
        CredentialSearch {
            text,
            before,
            ..ALL
        },
    )
    .await;
    assert_eq!(second.credentials.len(), 1);
    assert_eq!(second.next, None);
}
