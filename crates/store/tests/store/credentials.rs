//! Credentials, as they are listed and shown.

use keyway_domain::ids::CredentialId;

use crate::support::{World, now, random, seconds, slug};

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_shows_its_newest_grant_and_no_secret() {
    let world = World::new().await;
    let redeemed = world.connected("workspace").await;
    let found = world
        .store
        .find_credential(world.account, redeemed.credential_id)
        .await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!(found.id, redeemed.credential_id);
    assert_eq!(found.account_id, world.account);
    assert_eq!(found.oauth_app_id, world.app);
    assert_eq!(found.oauth_app_name, "App client");
    assert_eq!(found.provider, slug("linear"));
    assert_eq!(found.kind.0, "linear_oauth2");
    assert_eq!(found.external.id, "workspace");
    assert_eq!(found.external.label.as_deref(), Some("Label of workspace"));
    assert_eq!(found.public["scope"], "read");
    assert_eq!(found.secret_names, ["access_token"]);
    assert_eq!(found.expires_at, Some(now() + seconds(3600)));
    assert_eq!(found.refresh_expires_at, None);
    assert_eq!((found.created_at, found.updated_at), (now(), now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_credential_is_none() {
    let world = World::new().await;
    world.connected("workspace").await;
    let unknown = CredentialId::generate(now(), random());
    let found = world.store.find_credential(world.account, unknown).await;
    assert!(found.expect("an answer").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_is_a_change_and_no_new_beginning() {
    let world = World::new().await;
    world.connected("workspace").await;
    let issued = world.issued("workspace").await;
    let later = now() + seconds(30);
    let redeemed = world
        .store
        .redeem_authorization_code(issued.code, world.app, None, later)
        .await;
    let id = redeemed
        .expect("an answer")
        .expect("redeemed")
        .credential_id;
    let found = world.store.find_credential(world.account, id).await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!((found.created_at, found.updated_at), (now(), later));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_credential_once_newest_first() {
    let world = World::new().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(world.connected(&number.to_string()).await.credential_id);
    }
    made.sort();
    made.reverse();
    let mut pages = Vec::new();
    for expected in made.chunks(3).chain([&[][..]]) {
        let before = pages.last().copied();
        let page = world
            .store
            .list_credentials(
                world.account,
                &keyway_store::CredentialFilter::default(),
                before,
                3,
            )
            .await;
        let ids = page.expect("a page").into_iter().map(|row| row.id);
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids, expected);
        pages.extend(ids);
    }
}
