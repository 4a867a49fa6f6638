//! What time makes obsolete.

use chrono::TimeDelta;
use keyway_gateway::lifecycle::{revoke, sweep};
use keyway_testkit::lab::{Endpoint, Fault};

use crate::support::{Gateway, TestApp};

async fn setup() -> (Gateway, TestApp) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    (gateway, app)
}

async fn count(gateway: &Gateway, what: &str) -> String {
    gateway
        .sql(&format!("SELECT count(*) FROM {what}"))
        .await
        .remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unredeemed_grant_is_revoked_and_erased_after_its_code() {
    let (gateway, app) = setup().await;
    let code = gateway.code(&app, &[]).await;
    gateway.clock.advance(TimeDelta::seconds(60));
    assert_eq!(
        sweep::once(&gateway.app).await.expect("swept"),
        0,
        "a redemption might still be under way"
    );
    gateway.clock.advance(TimeDelta::seconds(16));
    assert_eq!(sweep::once(&gateway.app).await.expect("swept"), 1);
    assert_eq!(revoke::once(&gateway.app).await.expect("revoked"), 1);
    assert_eq!(count(&gateway, "grants").await, "0");
    assert_eq!(gateway.lab.calls("linear", Endpoint::Revoke).len(), 1);
    assert!(
        gateway
            .lab
            .access_tokens("linear")
            .iter()
            .all(|token| !token.live),
        "revoked at the provider"
    );
    gateway
        .redeem(&app, &code)
        .await
        .assert_token_error(400, "invalid_grant", "code expired");
    assert_eq!(sweep::once(&gateway.app).await.expect("swept"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_erased_at_last_even_if_the_provider_fails() {
    let (gateway, app) = setup().await;
    gateway.code(&app, &[]).await;
    gateway
        .lab
        .fail("linear", Endpoint::Revoke, Fault::Status(500));
    gateway.clock.advance(TimeDelta::minutes(2));
    assert_eq!(sweep::once(&gateway.app).await.expect("swept"), 1);
    for left in ["1", "1", "1", "1", "0"] {
        assert_eq!(revoke::once(&gateway.app).await.expect("tried"), 1);
        assert_eq!(count(&gateway, "grants").await, left);
        gateway.clock.advance(TimeDelta::hours(3));
    }
    assert_eq!(gateway.lab.calls("linear", Endpoint::Revoke).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeemed_grant_stays() {
    let (gateway, app) = setup().await;
    let code = gateway.code(&app, &[]).await;
    assert_eq!(gateway.redeem(&app, &code).await.status, 200);
    gateway.clock.advance(TimeDelta::days(20));
    sweep::once(&gateway.app).await.expect("swept");
    assert_eq!(count(&gateway, "grants").await, "1");
    assert!(gateway.lab.calls("linear", Endpoint::Revoke).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secrets_of_a_flow_go_with_its_end() {
    let (gateway, app) = setup().await;
    gateway.begin(&app, &[("state", "s")]).await;
    let waiting = "authorization_sessions WHERE sealed_secrets IS NOT NULL";
    assert_eq!(count(&gateway, waiting).await, "1");
    gateway.code(&app, &[]).await;
    assert_eq!(
        count(&gateway, waiting).await,
        "1",
        "a completed flow keeps none"
    );
    gateway.clock.advance(TimeDelta::minutes(11));
    sweep::once(&gateway.app).await.expect("swept");
    assert_eq!(
        count(&gateway, waiting).await,
        "0",
        "nor does one that was left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flow_log_reaches_back_30_days() {
    let (gateway, app) = setup().await;
    let code = gateway.code(&app, &[]).await;
    gateway.redeem(&app, &code).await;
    gateway.clock.advance(TimeDelta::days(30));
    sweep::once(&gateway.app).await.expect("swept");
    assert_eq!(count(&gateway, "authorization_sessions").await, "1");
    gateway.clock.advance(TimeDelta::seconds(1));
    sweep::once(&gateway.app).await.expect("swept");
    assert_eq!(count(&gateway, "authorization_sessions").await, "0");
    assert_eq!(count(&gateway, "authorization_codes").await, "0");
    assert_eq!(count(&gateway, "credentials").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_the_work_and_revoke_once() {
    let (gateway, app) = setup().await;
    for _ in 0..20 {
        gateway.code(&app, &[]).await;
    }
    gateway.clock.advance(TimeDelta::minutes(2));
    let total = |counts: Vec<Result<usize, keyway_store::StoreError>>| {
        let counts = counts.into_iter().map(|count| count.expect("done"));
        counts.sum::<usize>()
    };
    let sweeps = (0..8).map(|_| sweep::once(&gateway.app));
    assert_eq!(total(futures_util::future::join_all(sweeps).await), 20);
    let revocations = (0..8).map(|_| revoke::once(&gateway.app));
    assert_eq!(total(futures_util::future::join_all(revocations).await), 20);
    assert_eq!(gateway.lab.calls("linear", Endpoint::Revoke).len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_beside_a_working_credential_is_erased_and_not_revoked() {
    let (gateway, app) = setup().await;
    let code = gateway.code(&app, &[]).await;
    assert_eq!(gateway.redeem(&app, &code).await.status, 200);
    gateway.code(&app, &[]).await;
    gateway.clock.advance(TimeDelta::minutes(2));
    assert_eq!(sweep::once(&gateway.app).await.expect("swept"), 1);
    assert_eq!(revoke::once(&gateway.app).await.expect("ended"), 1);
    assert_eq!(count(&gateway, "grants").await, "1");
    let revoked = gateway.lab.calls("linear", Endpoint::Revoke);
    assert!(
        revoked.is_empty(),
        "at several providers that would end the credential too"
    );
}
