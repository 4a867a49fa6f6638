//! Credentials that were granted elsewhere.

use keyway_domain::{
    audit::Actor,
    credential::EndUser,
    ids::{ApiTokenId, GrantId},
};
use keyway_store::{Import, ImportedCredential, Store};
use serde_json::json;

use crate::support::{World, completion, now, random, seconds, values};

const ACTOR: Actor = Actor::System;

fn import(world: &World, external: &str) -> Import {
    let session = keyway_domain::ids::AuthorizationSessionId::generate(now(), random());
    Import {
        account_id: world.account,
        oauth_app_id: world.app,
        grant: completion(session, external).grant,
        variables: values(&[("shop", "acme.example")]),
        name: None,
        metadata: None,
        end_user: None,
    }
}

async fn stored(store: &Store, import: &Import) -> Option<ImportedCredential> {
    let imported = store.import_credential(import, ACTOR, now()).await;
    imported.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_a_credential() {
    let world = World::new().await;
    let user = EndUser {
        id: "user-7".into(),
        email: Some("u@client.example".into()),
        name: None,
    };
    let import = Import {
        name: Some("Main workspace".into()),
        metadata: json!({"team": 7}).as_object().cloned(),
        end_user: Some(user.clone()),
        ..import(&world, "workspace")
    };
    let token = Actor::ApiToken(ApiTokenId::generate(now(), random()));
    let imported = world.store.import_credential(&import, token, now()).await;
    let imported = imported.expect("an answer").expect("imported");
    assert!(imported.is_new);
    let found = world
        .store
        .find_credential(world.account, imported.id)
        .await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!(found.external.id, "workspace");
    assert_eq!(found.name.as_deref(), Some("Main workspace"));
    assert_eq!(found.metadata["team"], 7);
    assert_eq!(found.end_user, Some(user));
    assert_eq!(found.public["scope"], "read");
    assert_eq!(found.expires_at, Some(now() + seconds(3600)));
    let variables = world.sql("SELECT variables->>'shop' FROM grants").await;
    assert_eq!(variables, ["acme.example"]);
    assert_eq!(
        world.audited("credential.imported").await,
        [json!({"provider": "linear"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_import_of_the_same_account_renews_it() {
    let world = World::new().await;
    let first = Import {
        name: Some("Main workspace".into()),
        metadata: json!({"team": 7}).as_object().cloned(),
        ..import(&world, "workspace")
    };
    let second = import(&world, "workspace");
    let created = stored(&world.store, &first).await.expect("imported");
    let renewed = stored(&world.store, &second).await.expect("imported");
    assert_eq!((created.is_new, renewed.is_new), (true, false));
    assert_eq!(created.id, renewed.id);
    let grants = world.sql("SELECT id FROM grants").await;
    assert_eq!(
        grants,
        [second.grant.id.to_string()],
        "the old one is erased"
    );
    let found = world.store.find_credential(world.account, created.id).await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!(found.name.as_deref(), Some("Main workspace"));
    assert_eq!(found.metadata["team"], 7, "what is absent stays");
    let events =
        world.sql("SELECT kind FROM events WHERE credential_id IS NOT NULL ORDER BY position");
    assert_eq!(events.await, ["credential.created", "credential.updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_was_ill_recovers_by_an_import() {
    let world = World::new().await;
    for status in ["warn", "error"] {
        stored(&world.store, &import(&world, status)).await;
        let ill = format!("UPDATE credentials SET health_status = '{status}'");
        world.sql(&ill).await;
        world.sql("DELETE FROM events").await;
        stored(&world.store, &import(&world, status)).await;
        let told = "SELECT kind || ' ' || (data->>'external_id') FROM events ORDER BY position";
        let expected = ["updated", "recovered"].map(|kind| format!("credential.{kind} {status}"));
        assert_eq!(world.sql(told).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_at_the_same_moment_are_one_credential_with_one_grant() {
    let world = World::new().await;
    let imports: Vec<Import> = (0..crate::support::CROWD)
        .map(|_| import(&world, "workspace"))
        .collect();
    let imported = world
        .race(|number, store| {
            let import = imports[number].clone();
            async move { stored(&store, &import).await.expect("imported") }
        })
        .await;
    let created = imported.iter().filter(|imported| imported.is_new).count();
    assert_eq!(created, 1);
    assert!(imported.iter().all(|one| one.id == imported[0].id));
    assert_eq!(world.count("credentials").await, 1);
    assert_eq!(world.count("grants").await, 1, "no grant is left behind");
    assert_eq!(
        world
            .count("events WHERE kind = 'credential.created'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_another_account_or_a_removed_one_takes_no_import() {
    let world = World::new().await;
    let stranger = world.account("stranger").await;
    let foreign = Import {
        account_id: stranger,
        ..import(&world, "workspace")
    };
    assert_eq!(stored(&world.store, &foreign).await, None);
    world.sql("UPDATE oauth_apps SET removed_at = now()").await;
    assert_eq!(
        stored(&world.store, &import(&world, "workspace")).await,
        None
    );
    assert_eq!(world.count("grants").await, 0);
    assert_eq!(world.count("credentials").await, 0);
    assert_eq!(world.audited("credential.imported").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_a_removal_of_its_app() {
    let world = World::new().await;
    let mut client = world.database.client().await;
    let removal = client.transaction().await.expect("a transaction");
    removal
        .execute("UPDATE oauth_apps SET removed_at = now()", &[])
        .await
        .expect("removed");
    let waiting = {
        let (store, import) = (world.store.clone(), import(&world, "workspace"));
        tokio::spawn(async move { stored(&store, &import).await })
    };
    world.until_blocked(1).await;
    removal.commit().await.expect("committed");
    assert_eq!(waiting.await.expect("an end"), None);
    assert_eq!(world.count("credentials").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_renews_what_a_flow_has_connected() {
    let world = World::new().await;
    let connected = world.connected("workspace").await;
    let import = import(&world, "workspace");
    let grant: GrantId = import.grant.id;
    let imported = stored(&world.store, &import).await.expect("imported");
    assert_eq!(
        (imported.id, imported.is_new),
        (connected.credential_id, false)
    );
    let grants = world.sql("SELECT id FROM grants").await;
    assert_eq!(grants, [grant.to_string()]);
}
