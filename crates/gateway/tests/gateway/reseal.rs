//! Client secrets that the console sealed.

use keyway_domain::{SecretString, audit::Actor, random::OsRandom, sealed::Place};
use keyway_gateway::lifecycle::reseal;
use keyway_store::OauthAppChange;
use keyway_vault::{KeyRing, Sealer};

use crate::support::{Gateway, TestApp};

/// Seals the app's secret for this ring, as the console does.
async fn seal_like_the_console(gateway: &Gateway, app: &TestApp, ring: &KeyRing) {
    let place = Place::oauth_app_client_secret(app.id, gateway.account);
    let secret = SecretString::from(app.client_secret.as_str());
    let sealer = ring.sealer().expect("a key");
    let change = OauthAppChange {
        sealed_client_secret: Some(sealer.seal(&place, &secret, &OsRandom).expect("sealed")),
        ..OauthAppChange::default()
    };
    let now = gateway.app.now();
    let store = &gateway.app.store;
    let changed = store.update_oauth_app(gateway.account, app.id, &change, Actor::Operator, now);
    assert!(changed.await.expect("stored").is_some());
}

async fn marked(gateway: &Gateway) -> usize {
    let store = &gateway.app.store;
    let marked = store.list_client_secrets_marked(&Sealer::MARK).await;
    marked.expect("an answer").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_console_sealed_is_sealed_anew_once() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    seal_like_the_console(&gateway, &app, &gateway.app.ring).await;
    assert_eq!(reseal::once(&gateway.app).await.expect("an answer"), 1);
    assert_eq!(reseal::once(&gateway.app).await.expect("an answer"), 0);
    assert_eq!(marked(&gateway).await, 0);
    let code = gateway.code(&app, &[]).await;
    assert_eq!(gateway.redeem(&app, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_stays_as_it_is() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    seal_like_the_console(&gateway, &app, &KeyRing::generate(&OsRandom)).await;
    assert_eq!(reseal::once(&gateway.app).await.expect("an answer"), 0);
    assert_eq!(marked(&gateway).await, 1);
}
