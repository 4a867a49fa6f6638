//! `POST /oauth/token` with a refresh token, `/oauth/revoke` and `/oauth/introspect`.

use chrono::TimeDelta;
use futures_util::future::join_all;
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::json;

use crate::{
    oauth::client::{Client, answer, assert_refused, form, refreshing, text},
    support::Answer,
};

/// The refresh token of an answer.
#[track_caller]
fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    text(&answer.json(), "refresh_token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_brings_the_next() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let second = client.refresh(text(&first, "refresh_token")).await;
    let second_token = token(&second);
    assert_ne!(second_token, text(&first, "refresh_token"));
    assert_eq!(second.json()["credential_id"], first["credential_id"]);
    let third = client.refresh(&second_token).await;
    assert_ne!(token(&third), second_token);
    // The provider's token was good all the time.
    assert!(
        client
            .gateway
            .lab
            .calls("snyk", Endpoint::Refresh)
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_is_asked_when_its_token_ends() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    client
        .gateway
        .clock
        .advance(TimeDelta::minutes(59) + TimeDelta::seconds(30));
    let second = client.refresh(text(&first, "refresh_token")).await;
    let body = second.json();
    assert_ne!(
        body["access_token"],
        first["access_token"],
        "{}",
        second.log()
    );
    assert!(client.gateway.lab.is_live(text(&body, "access_token")));
    assert_eq!(client.gateway.lab.calls("snyk", Endpoint::Refresh).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_costs_no_refresh_token() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    client.gateway.clock.advance(TimeDelta::hours(2));
    let lab = &client.gateway.lab;
    lab.fail("snyk", Endpoint::Refresh, Fault::Status(500));
    let refused = client.refresh(text(&first, "refresh_token")).await;
    assert_refused(&refused, 503, "temporarily_unavailable", "");
    lab.clear("snyk");
    client.gateway.clock.advance(TimeDelta::minutes(10));
    token(&client.refresh(text(&first, "refresh_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_credential_is_an_invalid_grant() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    client.gateway.clock.advance(TimeDelta::hours(2));
    client.gateway.lab.end_all("snyk");
    let refused = client.refresh(text(&first, "refresh_token")).await;
    assert_refused(&refused, 400, "invalid_grant", "reconnect");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_use_ends_the_whole_family() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let first = text(&first, "refresh_token");
    let second = token(&client.refresh(first).await);
    let reused = client.refresh(first).await;
    assert_refused(&reused, 400, "invalid_grant", "used before");
    let innocent = client.refresh(&second).await;
    assert_refused(&innocent, 400, "invalid_grant", "revoked");
    let audited = "SELECT count(*) FROM audit_events WHERE action = 'refresh_token.reused'";
    assert_eq!(client.gateway.sql(audited).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_leeway_the_last_one_is_taken_once_more() {
    let client = Client::with("snyk", json!({"refresh_token_leeway": 30})).await;
    let first = client.connect(&[]).await;
    let first = text(&first, "refresh_token");
    let lost = token(&client.refresh(first).await);
    client.gateway.clock.advance(TimeDelta::seconds(29));
    let second = token(&client.refresh(first).await);
    assert_ne!(second, lost);
    // The window is not moved by that.
    client.gateway.clock.advance(TimeDelta::seconds(2));
    let late = client.refresh(first).await;
    assert_refused(&late, 400, "invalid_grant", "used before");
    let ended = client.refresh(&second).await;
    assert_refused(&ended, 400, "invalid_grant", "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_arrived_ends_the_leeway() {
    let client = Client::with("snyk", json!({"refresh_token_leeway": 30})).await;
    let first = client.connect(&[]).await;
    let first = text(&first, "refresh_token");
    let second = token(&client.refresh(first).await);
    token(&client.refresh(&second).await);
    let refused = client.refresh(first).await;
    assert_refused(&refused, 400, "invalid_grant", "used before");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_refreshes_with_one_token_one_succeeds() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let first = text(&first, "refresh_token");
    let answers = join_all((0..64).map(|_| client.refresh(first))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused(answer, 400, "invalid_grant", "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_its_own_clients() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let token = text(&first, "refresh_token");
    let other = client.gateway.register("snyk").await;
    let mut form = refreshing(token);
    form.insert("client_id".into(), other.id.to_string());
    form.insert("client_secret".into(), other.client_secret.clone());
    let foreign = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&foreign, 400, "invalid_grant", "another client");
    // Nobody's misuse: the family lives on.
    assert_eq!(client.refresh(token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_absolute_ends_are_kept() {
    let settings = json!({"refresh_token_idle_lifetime": 3600, "refresh_token_lifetime": 7200});
    let client = Client::with("snyk", settings).await;
    let idle = client.connect(&[]).await;
    client.gateway.clock.advance(TimeDelta::seconds(3600));
    let refused = client.refresh(text(&idle, "refresh_token")).await;
    assert_refused(&refused, 400, "invalid_grant", "expired");
    let busy = client.connect(&[]).await;
    let mut current = text(&busy, "refresh_token").to_owned();
    for _ in 0..2 {
        client.gateway.clock.advance(TimeDelta::seconds(3500));
        current = token(&client.refresh(&current).await);
    }
    client.gateway.clock.advance(TimeDelta::seconds(300));
    let refused = client.refresh(&current).await;
    assert_refused(&refused, 400, "invalid_grant", "expired");
    client.gateway.clock.advance(TimeDelta::days(1));
    while keyway_gateway::lifecycle::sweep::once(&client.gateway.app)
        .await
        .expect("swept")
        > 0
    {}
    let left =
        "SELECT (SELECT count(*) FROM refresh_families) + (SELECT count(*) FROM refresh_tokens)";
    assert_eq!(client.gateway.sql(left).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_for_no_more_scopes() {
    let client = Client::of("linear").await;
    let first = client.connect(&[("scope", "read")]).await;
    let mut form = refreshing(text(&first, "refresh_token"));
    form.insert("scope".into(), "read write".into());
    let more = client.send("/oauth/token", form.clone()).await;
    assert_refused(&more, 400, "invalid_scope", "more scopes");
    form.insert("scope".into(), "read".into());
    assert_eq!(client.send("/oauth/token", form).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_refresh_token_is_dead_with_its_family() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let first = text(&first, "refresh_token");
    let second = token(&client.refresh(first).await);
    // Any of the family will do, and twice is once.
    for _ in 0..2 {
        let answer = client
            .send("/oauth/revoke", form(&[("token", first)]))
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let refused = client.refresh(&second).await;
    assert_refused(&refused, 400, "invalid_grant", "revoked");
    for unknown in ["x", "e30.e30.e30"] {
        let answer = client
            .send("/oauth/revoke", form(&[("token", unknown)]))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let missing = client.send("/oauth/revoke", form(&[])).await;
    assert_refused(&missing, 400, "invalid_request", "token is missing");
    // The credential stays in the vault.
    assert_eq!(
        client.gateway.sql("SELECT count(*) FROM credentials").await,
        ["1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_revokes_or_sees_anothers_token() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let token = text(&first, "refresh_token");
    let other = client.gateway.register("snyk").await;
    let mut theirs = form(&[("token", token), ("client_id", &other.id.to_string())]);
    theirs.insert("client_secret".into(), other.client_secret.clone());
    let revoked = answer(client.post("/oauth/revoke", &theirs)).await;
    assert_eq!(revoked.status, 200);
    let seen = answer(client.post("/oauth/introspect", &theirs)).await;
    assert_eq!(seen.json(), json!({"active": false}));
    assert_eq!(client.refresh(token).await.status, 200);
    theirs.insert("client_secret".into(), "wrong".into());
    for path in ["/oauth/revoke", "/oauth/introspect"] {
        let refused = answer(client.post(path, &theirs)).await;
        assert_refused(&refused, 401, "invalid_client", "wrong");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_tells_of_live_tokens_alone() {
    let client = Client::of("snyk").await;
    let first = client.connect(&[]).await;
    let token = text(&first, "refresh_token");
    let seen = client
        .send("/oauth/introspect", form(&[("token", token)]))
        .await;
    let seen = seen.json();
    assert_eq!(seen["active"], true);
    assert_eq!(seen["client_id"], client.id());
    assert_eq!(seen["sub"], first["credential_id"]);
    assert_eq!(seen["iss"], client.gateway.base);
    assert!(seen["exp"].as_i64() > seen["iat"].as_i64());
    client.refresh(token).await;
    for dead in [token, "x", text(&first, "access_token")] {
        let seen = client
            .send("/oauth/introspect", form(&[("token", dead)]))
            .await;
        assert_eq!(seen.json(), json!({"active": false}));
    }
}
