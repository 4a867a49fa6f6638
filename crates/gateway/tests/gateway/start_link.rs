//! `POST /v1/credentials/start-auth`, and the one-time link that it makes.

use chrono::TimeDelta;
use keyway_domain::{api_token::ApiToken, opaque::OpaqueToken as _, random::OsRandom};
use serde_json::{Value, json};

use crate::{
    client::Client,
    support::{Answer, Gateway, TestApp, query},
};

const SCOPE: &str = "link_sessions:write";

async fn post(gateway: &Gateway, authorization: Option<&str>, body: &Value) -> Answer {
    let mut request = gateway
        .request(
            "POST",
            &format!("{}/v1/credentials/start-auth", gateway.base),
        )
        .json(body);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    Answer::of(request.send().await.expect("an answer")).await
}

fn request(app: &TestApp) -> Value {
    json!({"oauth_app_id": app.id, "redirect_url": "https://client.example/oauth2/callback/:provider"})
}

async fn setup() -> (Gateway, TestApp, String) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let token = Client::with(&gateway, SCOPE).await.token;
    (gateway, app, format!("Bearer {token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_starts_a_flow_once() {
    let (gateway, app, bearer) = setup().await;
    let mut body = request(&app);
    body["credential_kind"] = json!("linear_oauth2");
    body["state"] = json!({"user": 7});
    body["scope"] = json!("read write");
    let answer = post(&gateway, Some(&bearer), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let link = answer.json()["start_url"]
        .as_str()
        .expect("a link")
        .to_owned();
    assert!(link.starts_with(&format!("{}/link/oauth2/start/", gateway.base)));

    let head = gateway
        .request("HEAD", &link)
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200, "a previewer spends nothing");
    let started = gateway.get(&link).await;
    assert_eq!(started.status, 302, "{started:?}");
    assert_eq!(query(&started.location())["scope"], "read,write");
    gateway
        .get(&link)
        .await
        .assert_page(400, "start link unknown, expired or used");
    let callback = gateway
        .lab
        .approve(started.location().as_str())
        .await
        .expect("agreed");
    let ended = gateway.get_with(&callback.url, &started.cookie()).await;
    let query = query(&ended.location());
    assert_eq!(query["state"], "{\"user\":7}");
    assert_eq!(
        gateway.redeem(&app, &query["code"]).await.json()["state"],
        "{\"user\":7}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_lives_for_five_minutes() {
    let (gateway, app, bearer) = setup().await;
    let answer = post(&gateway, Some(&bearer), &request(&app)).await;
    gateway.clock.advance(TimeDelta::minutes(5));
    let link = answer.json()["start_url"]
        .as_str()
        .expect("a link")
        .to_owned();
    gateway
        .get(&link)
        .await
        .assert_page(400, "start link unknown, expired or used");
    gateway
        .get(&format!("{}/link/oauth2/start/x", gateway.base))
        .await
        .assert_page(400, "start link unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_token_with_the_scope_may() {
    let (gateway, app, bearer) = setup().await;
    let body = request(&app);
    let unknown = ApiToken::generate(&OsRandom);
    let unknown = format!("Bearer {}", unknown.secret().expose());
    for bad in [
        None,
        Some("Bearer"),
        Some("Bearer x"),
        Some("Basic eDp5"),
        Some(unknown.as_str()),
    ] {
        let answer = post(&gateway, bad, &body).await;
        assert_eq!(answer.status, 401, "{bad:?}");
        assert!(
            answer
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Bearer"))
        );
        assert!(answer.json()["summary"].is_string());
    }
    let other = Client::with(&gateway, "credentials:read").await.token;
    let answer = post(&gateway, Some(&format!("Bearer {other}")), &body).await;
    assert_eq!(
        (
            answer.status,
            answer.log().contains("lacks link_sessions:write")
        ),
        (403, true)
    );
    gateway
        .sql("UPDATE api_tokens SET expires_at = created_at + interval '1 day'")
        .await;
    gateway.clock.advance(TimeDelta::days(1));
    assert_eq!(
        post(&gateway, Some(&bearer), &body).await.status,
        401,
        "expired"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_checked() {
    let (gateway, app, bearer) = setup().await;
    let foreign = gateway
        .register_for(gateway.other_account().await, "linear", None)
        .await;
    for (field, value) in [
        ("oauth_app_id", json!("x")),
        ("oauth_app_id", json!(foreign.id)),
        ("credential_kind", json!("stripe_oauth2")),
        ("redirect_url", json!("https://evil.example/")),
        (
            "redirect_url",
            json!("https://client.example/oauth2/callback/stripe"),
        ),
        ("state", json!("x".repeat(5 * 1024 + 1))),
        ("scope", json!("re\"ad")),
        ("params", json!({"nothing": "x"})),
    ] {
        let mut body = request(&app);
        body[field] = value;
        let answer = post(&gateway, Some(&bearer), &body).await;
        assert_eq!(answer.status, 422, "{field}: {answer:?}");
        assert!(
            answer.json()["validation_errors"][field][0].is_string(),
            "{answer:?}"
        );
    }
    for bad in [
        json!([]),
        json!({}),
        json!({"oauth_app_id": 1}),
        json!({"surplus": 1}),
    ] {
        assert_eq!(
            post(&gateway, Some(&bearer), &bad).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_that_was_removed_since_is_a_page() {
    let (gateway, app, bearer) = setup().await;
    let link = post(&gateway, Some(&bearer), &request(&app)).await.json()["start_url"]
        .as_str()
        .expect("a link")
        .to_owned();
    gateway.sql("DELETE FROM redirect_uris").await;
    gateway
        .get(&link)
        .await
        .assert_page(400, "start link unknown, expired or used");
}
