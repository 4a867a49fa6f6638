//! Which keys sealed what lies in a database.

use keyway_store::KeyFingerprint;

use crate::support::{CROWD, World, now};

/// A ring of these keys; the name stands for the key material.
fn ring(name: &str, keys: &[&str]) -> Vec<KeyFingerprint> {
    let named = |key: &str| KeyFingerprint {
        key: key.to_owned(),
        fingerprint: format!("{name:-<16}").into_bytes(),
    };
    let mut ring: Vec<KeyFingerprint> = keys.iter().map(|key| named(key)).collect();
    ring.push(named("digest"));
    ring.sort_by(|one, other| one.key.cmp(&other.key));
    ring
}

async fn register(world: &World, ring: &[KeyFingerprint]) -> Vec<KeyFingerprint> {
    let on_record = world.store.register_vault_keys(ring, now()).await;
    on_record.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ring_to_come_is_the_right_one() {
    let world = World::new().await;
    let first = ring("first", &["00000001"]);
    assert_eq!(register(&world, &first).await, first);
    assert_eq!(register(&world, &first).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_ring_is_told_what_is_on_record_and_leaves_no_trace() {
    let world = World::new().await;
    let (right, wrong) = (ring("right", &["00000001"]), ring("wrong", &["00000002"]));
    register(&world, &right).await;
    assert_eq!(register(&world, &wrong).await, right);
    let listed = world.store.list_vault_keys().await;
    assert_eq!(listed.expect("a list"), right);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_that_lacks_a_key_leaves_no_trace() {
    let world = World::new().await;
    let both = ring("right", &["00000001", "00000002"]);
    register(&world, &both).await;
    let lacking = ring("right", &["00000001", "00000003"]);
    assert_eq!(register(&world, &lacking).await, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_same_name_and_another_fingerprint_is_another_key() {
    let world = World::new().await;
    let right = ring("right", &["00000001"]);
    register(&world, &right).await;
    assert_eq!(register(&world, &ring("wrong", &["00000001"])).await, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_key_joins_beside_those_that_are_known() {
    let world = World::new().await;
    register(&world, &ring("right", &["00000001"])).await;
    let wider = ring("right", &["00000001", "00000002"]);
    assert_eq!(register(&world, &wider).await, wider);
}

/// Each finds an empty database and waits for the other, as far as it can.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_rings_that_come_at_once_one_stays_whole() {
    let world = World::new().await;
    let client = world.database.client().await;
    let keep_out = "BEGIN; LOCK TABLE vault_keys IN SHARE MODE";
    client.batch_execute(keep_out).await.expect("locked");
    let racing = world.race(|number, store| async move {
        let ring = ring_of(number);
        let on_record = store.register_vault_keys(&ring, now()).await;
        (number, on_record.expect("an answer"))
    });
    let letting_in = async {
        world.until_blocked(16).await;
        client.batch_execute("ROLLBACK").await.expect("let go");
    };
    let (seen, ()) = tokio::join!(racing, letting_in);
    let on_record = world.store.list_vault_keys().await.expect("a list");
    assert_eq!(seen.len(), CROWD);
    for (number, seen) in seen {
        assert_eq!(seen, on_record, "what ring {number} was told");
    }
    assert!(
        on_record == ring_of(0) || on_record == ring_of(1),
        "{on_record:?}"
    );
}

fn ring_of(number: usize) -> Vec<KeyFingerprint> {
    match number % 2 {
        0 => ring("even", &["00000000"]),
        _ => ring("odd", &["00000001"]),
    }
}
