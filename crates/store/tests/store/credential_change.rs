//! Changes of what a client keeps with a credential.

use keyway_domain::{
    audit::Actor,
    credential::Credential,
    ids::{AccountId, CredentialId},
};
use keyway_store::CredentialChange;
use serde_json::json;

use crate::support::{CROWD, World, now, seconds};

async fn change(
    world: &World,
    account: AccountId,
    id: CredentialId,
    change: &CredentialChange,
) -> Option<Credential> {
    let later = now() + seconds(5);
    let changed = world
        .store
        .update_credential(account, id, change, Actor::System, later);
    changed.await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_metadata_change_and_an_event_tells() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let named = CredentialChange {
        name: Some(Some("Main".into())),
        metadata: json!({"team": 7}).as_object().cloned(),
        revision: Some(1),
    };
    let found = change(&world, world.account, id, &named)
        .await
        .expect("changed");
    assert_eq!(found.name.as_deref(), Some("Main"));
    assert_eq!(found.metadata["team"], 7);
    assert_eq!((found.revision, found.updated_at), (2, now() + seconds(5)));
    let nameless = CredentialChange {
        name: Some(None),
        ..CredentialChange::default()
    };
    let found = change(&world, world.account, id, &nameless)
        .await
        .expect("changed");
    assert_eq!((found.name, found.revision), (None, 3));
    assert_eq!(found.metadata["team"], 7, "what is absent stays");
    let data = world
        .sql("SELECT data->>'external_id' FROM events WHERE kind = 'credential.updated'")
        .await;
    assert_eq!(data, ["workspace", "workspace"]);
    assert_eq!(world.audited("credential.updated").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_and_another_account_change_nothing() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let stale = CredentialChange {
        name: Some(Some("Stale".into())),
        revision: Some(2),
        ..CredentialChange::default()
    };
    assert!(change(&world, world.account, id, &stale).await.is_none());
    let stranger = world.account("stranger").await;
    let foreign = CredentialChange {
        revision: None,
        ..stale
    };
    assert!(change(&world, stranger, id, &foreign).await.is_none());
    assert_eq!(world.count("credentials WHERE name IS NOT NULL").await, 0);
    assert_eq!(
        world
            .count("events WHERE kind = 'credential.updated'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_revision_one_wins() {
    let world = World::new().await;
    let id = world.connected("workspace").await.credential_id;
    let account = world.account;
    let changed = world
        .race(|number, store| async move {
            let change = CredentialChange {
                name: Some(Some(format!("Name {number}"))),
                revision: Some(1),
                ..CredentialChange::default()
            };
            let changed = store.update_credential(account, id, &change, Actor::System, now());
            changed.await.expect("an answer").is_some()
        })
        .await;
    assert_eq!(changed.len(), CROWD);
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1);
}
