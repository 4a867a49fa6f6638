//! Tenants.

use keyway_domain::audit::Actor;

use crate::support::{CROWD, World, new_account, new_admin};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_by_its_short_name() {
    let world = World::new().await;
    let found = world.store.find_account("acme").await.expect("an answer");
    let found = found.expect("the account");
    assert_eq!(found.id, world.account);
    assert_eq!(
        (found.slug.as_str(), found.name.as_str()),
        ("acme", "Name of acme")
    );
    let unknown = world.store.find_account("acm").await.expect("an answer");
    assert_eq!(unknown, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_short_name() {
    let world = World::new().await;
    world.account("zeta").await;
    world.account("beta").await;
    let listed = world.store.list_accounts().await.expect("a list");
    let slugs: Vec<String> = listed.into_iter().map(|account| account.slug).collect();
    assert_eq!(slugs, ["acme", "beta", "zeta"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_an_account_all_get_the_same() {
    let world = World::new().await;
    let made = world
        .race(|number, store| async move {
            let admin = new_admin(&format!("{number}@new.test"));
            store
                .insert_admin(&new_account("new"), &admin, Actor::Operator)
                .await
                .expect("stored")
                .account
                .id
        })
        .await;
    assert_eq!(made.len(), CROWD);
    assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
    assert_eq!(world.count("accounts WHERE slug = 'new'").await, 1);
}
