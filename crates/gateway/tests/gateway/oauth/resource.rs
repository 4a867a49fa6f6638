//! Access tokens of Keyway's own at the proxy, `/userinfo` and `/v1/credentials/{id}/token`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    oauth::{
        client::{Client, answer, form, text},
        proof::{Key, hash},
    },
    support::Answer,
};

async fn get(client: &Client, path: &str, authorization: &str, proof: Option<String>) -> Answer {
    let url = format!("{}{path}", client.gateway.base);
    let mut request = client
        .gateway
        .request("GET", &url)
        .header("authorization", authorization);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    answer(request).await
}

#[track_caller]
fn assert_denied(answer: &Answer, challenge: &str, detail: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    assert!(answer.log().contains(detail), "log: {}", answer.log());
}

fn paths(body: &Value) -> [String; 3] {
    let id = text(body, "credential_id");
    [
        "/userinfo".to_owned(),
        format!("/v1/credentials/{id}/token"),
        format!("/v1/proxy/credential/{id}/rest/self"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_token_is_good_at_all_three() {
    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let bearer = format!("Bearer {}", text(&body, "access_token"));
    let [userinfo, token, proxy] = paths(&body);
    let claims = get(&client, &userinfo, &bearer, None).await;
    assert_eq!(claims.status, 200, "{claims:?}");
    assert_eq!(claims.json()["sub"], body["credential_id"]);
    assert_eq!(claims.json()["provider"], "snyk");
    let read = get(&client, &token, &bearer, None).await;
    assert_eq!(read.status, 200, "{read:?}");
    assert!(
        client
            .gateway
            .lab
            .is_live(text(&read.json(), "access_token"))
    );
    let called = get(&client, &proxy, &bearer, None).await;
    assert_ne!(called.status, 401, "{called:?} {}", called.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stands_for_its_own_credential_alone() {
    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let bearer = format!("Bearer {}", text(&body, "access_token"));
    let other = "00000000-0000-7000-8000-000000000000";
    let path = format!("/v1/credentials/{other}/token");
    assert_eq!(get(&client, &path, &bearer, None).await.status, 404);
    for path in ["/v1/credentials", "/v1/oauth-apps"] {
        assert_eq!(
            get(&client, path, &bearer, None).await.status,
            401,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_its_time_its_family_and_its_app() {
    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let bearer = format!("Bearer {}", text(&body, "access_token"));
    let challenge = "Bearer error=\"invalid_token\"";
    let revoked = client.connect(&[]).await;
    let dead = format!("Bearer {}", text(&revoked, "access_token"));
    let token = text(&revoked, "refresh_token");
    client
        .send("/oauth/revoke", form(&[("token", token)]))
        .await;
    for path in paths(&revoked) {
        assert_denied(
            &get(&client, &path, &dead, None).await,
            challenge,
            "revoked",
        );
        assert_ne!(get(&client, &path, &bearer, None).await.status, 401);
    }
    client.gateway.clock.advance(TimeDelta::minutes(10));
    for path in paths(&body) {
        assert_denied(
            &get(&client, &path, &bearer, None).await,
            challenge,
            "expired",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_and_a_providers_token_open_nothing() {
    let client = Client::of("linear").await;
    let body = client.connect(&[("scope", "openid")]).await;
    for token in [
        text(&body, "id_token"),
        text(&body, "access_token"),
        "x.y.z",
        "",
    ] {
        let answer = get(&client, "/userinfo", &format!("Bearer {token}"), None).await;
        assert_eq!(answer.status, 401, "{token}");
    }
    let url = format!("{}/userinfo", client.gateway.base);
    assert_eq!(client.gateway.get(&url).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_needs_a_proof_of_its_key_for_this_token_and_this_call() {
    let client = Client::of("snyk").await;
    let key = Key::generate();
    let now = || client.gateway.app.now().timestamp();
    let endpoint = format!("{}/oauth/token", client.gateway.base);
    let code = client.code(&[]).await;
    let form = client.proven(client.redemption(&code));
    let proof = key.proof("POST", &endpoint, now(), &json!({}));
    let body = answer(client.post("/oauth/token", &form).header("dpop", proof)).await;
    assert_eq!(body.status, 200, "{body:?} {}", body.log());
    let body = body.json();
    assert_eq!(body["token_type"], "DPoP");
    let token = text(&body, "access_token");
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let ath = json!({"ath": hash(token)});
    for path in paths(&body) {
        let url = format!("{}{path}", client.gateway.base);
        let proof = |more: &Value| Some(key.proof("GET", &url, now(), more));
        let good = get(&client, &path, &dpop, proof(&ath)).await;
        assert_ne!(good.status, 401, "{good:?} {}", good.log());
        let invalid = "DPoP error=\"invalid_dpop_proof\"";
        let stolen = get(&client, &path, &bearer, proof(&ath)).await;
        assert_denied(&stolen, "Bearer error=\"invalid_token\"", "sent as Bearer");
        let bare = get(&client, &path, &dpop, None).await;
        assert_denied(&bare, "DPoP error=\"invalid_token\"", "another key");
        let without = get(&client, &path, &dpop, proof(&json!({}))).await;
        assert_denied(&without, invalid, "another access token");
        let other = get(&client, &path, &dpop, proof(&json!({"ath": hash("x")}))).await;
        assert_denied(&other, invalid, "another access token");
        let thief = Key::generate().proof("GET", &url, now(), &ath);
        let thief = get(&client, &path, &dpop, Some(thief)).await;
        assert_denied(&thief, "DPoP error=\"invalid_token\"", "another key");
        let elsewhere = key.proof("GET", &endpoint, now(), &ath);
        let elsewhere = get(&client, &path, &dpop, Some(elsewhere)).await;
        assert_denied(&elsewhere, invalid, "another URL");
        let once = proof(&ath);
        assert_ne!(get(&client, &path, &dpop, once.clone()).await.status, 401);
        assert_denied(
            &get(&client, &path, &dpop, once).await,
            invalid,
            "used before",
        );
    }
}
