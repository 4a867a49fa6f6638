//! The one-time link to the first-run set-up.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::opaque::{Digest, SetupToken};
use keyway_store::FirstAdmin;

use crate::support::{CROWD, World, digest, instant, new_account, new_admin, now};

const LIFE: TimeDelta = TimeDelta::hours(24);

/// A world in which nobody can sign in yet.
async fn fresh() -> World {
    let world = World::new().await;
    world.sql("DELETE FROM admins").await;
    world
}

async fn replace(world: &World, digest: Digest<SetupToken>) {
    let replaced = world.store.replace_setup_link(digest, now(), now() + LIFE);
    replaced.await.expect("stored");
}

async fn is_open(world: &World, digest: Digest<SetupToken>, at: DateTime<Utc>) -> bool {
    let open = world.store.is_setup_link_open(digest, at).await;
    open.expect("an answer")
}

async fn create(world: &World, digest: Digest<SetupToken>, at: DateTime<Utc>) -> FirstAdmin {
    let mut admin = new_admin("first@new.test");
    admin.created_at = at;
    let created = world
        .store
        .create_first_admin(digest, &new_account("new"), &admin)
        .await;
    created.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_makes_the_first_admin_and_is_spent() {
    let world = fresh().await;
    let link = digest();
    replace(&world, link).await;
    assert!(is_open(&world, link, now()).await);
    let created = create(&world, link, now()).await;
    let FirstAdmin::Created(admin) = created else {
        panic!("refused");
    };
    assert_eq!(admin.email, "first@new.test");
    assert_eq!(admin.account.slug, "new");
    assert_eq!(world.count("setup_links").await, 0);
    let by_themselves = format!(
        "audit_events WHERE action = 'admin.created' AND actor_id = '{}'",
        admin.id
    );
    assert_eq!(world.count(&by_themselves).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_link_is_refused() {
    let world = fresh().await;
    replace(&world, digest()).await;
    assert!(!is_open(&world, digest(), now()).await);
    assert_eq!(create(&world, digest(), now()).await, FirstAdmin::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_open_until_its_end_and_not_at_it() {
    let world = fresh().await;
    let (link, end) = (digest(), now() + LIFE);
    replace(&world, link).await;
    assert!(!is_open(&world, link, end).await);
    assert_eq!(create(&world, link, end).await, FirstAdmin::Refused);
    let before = end - instant();
    assert!(is_open(&world, link, before).await);
    assert!(matches!(
        create(&world, link, before).await,
        FirstAdmin::Created(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_of_no_use_once_somebody_can_sign_in() {
    let world = World::new().await;
    let link = digest();
    replace(&world, link).await;
    assert!(!is_open(&world, link, now()).await);
    assert_eq!(create(&world, link, now()).await, FirstAdmin::Refused);
    assert_eq!(world.count("admins").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_link_replaces_the_one_before() {
    let world = fresh().await;
    let (first, second) = (digest(), digest());
    replace(&world, first).await;
    replace(&world, second).await;
    assert!(!is_open(&world, first, now()).await);
    assert!(is_open(&world, second, now()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_cannot_be_stored_does_not_spend_the_link() {
    let world = fresh().await;
    let link = digest();
    replace(&world, link).await;
    let mut admin = new_admin("first@new.test");
    admin.password_hash = "no hash".into();
    let created = world
        .store
        .create_first_admin(link, &new_account("new"), &admin)
        .await;
    assert!(created.is_err(), "{created:?}");
    assert!(is_open(&world, link, now()).await);
    assert_eq!(world.count("accounts WHERE slug = 'new'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_open_a_link_one_becomes_the_first_admin() {
    let world = fresh().await;
    let link = digest();
    replace(&world, link).await;
    assert_eq!(winners(&world, move |_| link).await, 1);
    assert_eq!(world.count("admins").await, 1);
}

/// Two consoles that start at once print a link each.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_with_links_of_their_own_one_becomes_the_first_admin() {
    let world = fresh().await;
    let links: Vec<Digest<SetupToken>> = (0..CROWD).map(|_| digest()).collect();
    let client = world.database.client().await;
    for link in &links {
        let insert = "INSERT INTO setup_links VALUES ($1, now(), now() + interval '9 years')";
        client
            .execute(insert, &[&link.as_bytes()])
            .await
            .expect("stored");
    }
    assert_eq!(winners(&world, move |number| links[number]).await, 1);
    assert_eq!(world.count("admins").await, 1);
}

async fn winners(world: &World, link: impl Fn(usize) -> Digest<SetupToken>) -> usize {
    let created = world
        .race(|number, store| {
            let link = link(number);
            async move {
                let account = new_account(&format!("account-{number}"));
                let admin = new_admin(&format!("{number}@new.test"));
                let created = store.create_first_admin(link, &account, &admin).await;
                created.expect("an answer")
            }
        })
        .await;
    let created = created
        .iter()
        .filter(|one| matches!(one, FirstAdmin::Created(_)));
    created.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_new_links_one_is_left() {
    let world = fresh().await;
    let replaced = world
        .race(|_, store| async move {
            store
                .replace_setup_link(digest(), now(), now() + LIFE)
                .await
        })
        .await;
    assert!(replaced.iter().all(Result::is_ok), "{replaced:?}");
    assert_eq!(world.count("setup_links").await, 1);
}
