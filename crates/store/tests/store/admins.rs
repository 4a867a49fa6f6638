//! People who sign in to the console.

use keyway_domain::{account::Email, audit::Actor};
use keyway_store::{Conflict, NewAccount, StoreError};
use serde_json::json;

use crate::support::{CROWD, World, new_account, new_admin};

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_of_a_new_account_is_found_by_address() {
    let world = World::new().await;
    let new = new_admin("first@other.test");
    let account = new_account("other");
    let stored = world
        .store
        .insert_admin(&account, &new, Actor::Operator)
        .await
        .expect("stored");
    assert_eq!(stored.account.id, account.id);
    let found = world.store.find_admin(&new.email).await.expect("an answer");
    let found = found.expect("the admin");
    assert_eq!(found.admin, stored);
    assert_eq!(found.password_hash, new.password_hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_finds_nobody() {
    let world = World::new().await;
    let email = Email::parse("nobody@acme.test").expect("an address");
    let found = world.store.find_admin(&email).await.expect("an answer");
    assert!(found.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_admin_joins_the_account_that_is_there() {
    let world = World::new().await;
    let again = NewAccount {
        name: "Another name".into(),
        ..new_account("acme")
    };
    let stored = world
        .store
        .insert_admin(&again, &new_admin("second@acme.test"), Actor::Operator)
        .await
        .expect("stored");
    assert_eq!(stored.account.id, world.account);
    assert_eq!(stored.account.name, "Name of acme", "its name stays");
    let detail = json!({"email": "second@acme.test"});
    assert!(world.audited("admin.created").await.contains(&detail));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_leaves_no_account_behind() {
    let world = World::new().await;
    let refused = world
        .store
        .insert_admin(
            &new_account("other"),
            &new_admin("admin@acme.test"),
            Actor::Operator,
        )
        .await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(Conflict::Exists))),
        "{refused:?}"
    );
    assert_eq!(world.count("accounts").await, 1);
    assert_eq!(world.audited("admin.created").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_an_address_one_gets_it() {
    let world = World::new().await;
    let results = world
        .race(|number, store| async move {
            let account = new_account(&format!("account-{number}"));
            let admin = new_admin("wanted@acme.test");
            store.insert_admin(&account, &admin, Actor::Operator).await
        })
        .await;
    let stored = results.iter().filter(|result| result.is_ok()).count();
    let late = results
        .iter()
        .filter(|result| matches!(result, Err(StoreError::Conflict(Conflict::Exists))))
        .count();
    assert_eq!((stored, late), (1, CROWD - 1), "{results:?}");
    assert_eq!(world.count("accounts").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_whether_anybody_can_sign_in() {
    let world = World::new().await;
    assert!(world.store.has_admins().await.expect("an answer"));
    world.sql("DELETE FROM admins").await;
    assert!(!world.store.has_admins().await.expect("an answer"));
}
