//! `POST /oauth/par` (RFC 9126).

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::{
    oauth::{
        client::{Client, answer, assert_refused, form, text},
        proof::Key,
    },
    support::query,
};

async fn push(client: &Client, more: &[(&str, &str)]) -> String {
    let answer = client.send("/oauth/par", client.request(more)).await;
    assert_eq!(answer.status, 201, "{answer:?} {}", answer.log());
    let body = answer.json();
    assert_eq!(body["expires_in"], 60);
    let uri = text(&body, "request_uri");
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    uri.to_owned()
}

fn url(client: &Client, uri: &str) -> String {
    client.authorize_url(&form(&[("client_id", &client.id()), ("request_uri", uri)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_counts_and_nothing_beside_it() {
    let client = Client::of("linear").await;
    let uri = push(&client, &[("scope", "read")]).await;
    let beside = format!(
        "{}&scope=write&state=other&redirect_uri=https%3A%2F%2Fevil.example",
        url(&client, &uri)
    );
    let begun = client.gateway.get(&beside).await;
    assert_eq!(query(&begun.location())["scope"], "read");
    let callback = client
        .gateway
        .lab
        .approve(begun.location().as_str())
        .await
        .expect("agreed");
    let answer = client
        .gateway
        .get_with(&callback.url, &begun.cookie())
        .await;
    let query = query(&answer.location());
    assert_eq!(query["state"], "client-state");
    let answer = client
        .send("/oauth/token", client.redemption(&query["code"]))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = "SELECT count(*) FROM pushed_requests";
    assert_eq!(client.gateway.sql(kept).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_good_once_for_its_client_for_a_minute() {
    let client = Client::of("linear").await;
    let other = client.gateway.register("linear").await;
    let detail = "request_uri unknown";
    let uri = push(&client, &[]).await;
    let foreign = form(&[("client_id", &other.id.to_string()), ("request_uri", &uri)]);
    client
        .gateway
        .get(&client.authorize_url(&foreign))
        .await
        .assert_page(400, detail);
    let address = url(&client, &uri);
    let tries = (0..64).map(|_| client.gateway.get(&address));
    let answers = join_all(tries).await;
    let begun = answers.iter().filter(|answer| answer.status == 302).count();
    assert_eq!(begun, 1);
    let late = push(&client, &[]).await;
    client.gateway.clock.advance(TimeDelta::seconds(60));
    client
        .gateway
        .get(&url(&client, &late))
        .await
        .assert_page(400, detail);
    for bad in [
        "https://evil.example/request",
        "urn:ietf:params:oauth:request_uri:x",
    ] {
        client
            .gateway
            .get(&url(&client, bad))
            .await
            .assert_page(400, detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_found_when_it_is_pushed() {
    let client = Client::of("linear").await;
    for (more, error, detail) in [
        (
            ("request_uri", "urn:x"),
            "invalid_request",
            "cannot be pushed",
        ),
        (
            ("redirect_uri", "https://evil.example"),
            "invalid_request",
            "not registered",
        ),
        (
            ("response_type", "token"),
            "unsupported_response_type",
            "response_type",
        ),
        (
            ("code_challenge_method", "plain"),
            "invalid_request",
            "S256",
        ),
        (("scope", "a\"b"), "invalid_scope", "scope"),
        (("param.unknown", "x"), "invalid_request", "param"),
    ] {
        let answer = client.send("/oauth/par", client.request(&[more])).await;
        assert_refused(&answer, 400, error, detail);
    }
    let mut form = client.request(&[]);
    form.insert("client_secret".into(), "wrong".into());
    let stranger = answer(client.post("/oauth/par", &form)).await;
    assert_refused(&stranger, 401, "invalid_client", "wrong");
    let get = client
        .gateway
        .get(&format!("{}/oauth/par", client.gateway.base))
        .await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    let kept = client
        .gateway
        .sql("SELECT count(*) FROM pushed_requests")
        .await;
    assert_eq!(kept, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_pushed_lies_in_clear_and_no_proof_lies_there_at_all() {
    let client = Client::of("linear").await;
    push(&client, &[("state", "canary")]).await;
    let kept = "SELECT encode(sealed_parameters, 'escape') FROM pushed_requests";
    let kept = client.gateway.sql(kept).await.concat();
    assert!(!kept.is_empty() && !kept.contains("canary"));
    assert!(!kept.contains(&client.app.client_secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_have_to_push() {
    let settings = json!({"require_pushed_authorization_requests": true});
    let client = Client::with("linear", settings).await;
    let direct = client
        .gateway
        .get(&client.authorize_url(&client.request(&[])))
        .await;
    direct.assert_error_redirect("invalid_request", Some("client-state"), "must push");
    let uri = push(&client, &[]).await;
    assert_eq!(client.gateway.get(&url(&client, &uri)).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_proof_is_the_key_of_the_code() {
    let client = Client::of("linear").await;
    let key = Key::generate();
    let now = client.gateway.app.now().timestamp();
    let par = format!("{}/oauth/par", client.gateway.base);
    let proof = || key.proof("POST", &par, now, &json!({}));
    let other = client.proven(client.request(&[("dpop_jkt", &Key::generate().thumbprint())]));
    let other = answer(client.post("/oauth/par", &other).header("dpop", proof())).await;
    assert_refused(&other, 400, "invalid_request", "another key");
    let form = client.proven(client.request(&[]));
    let pushed = answer(client.post("/oauth/par", &form).header("dpop", proof())).await;
    let answered = client
        .walk(&url(&client, text(&pushed.json(), "request_uri")))
        .await;
    let code = query(&answered.location())["code"].clone();
    let bare = client.send("/oauth/token", client.redemption(&code)).await;
    assert_refused(&bare, 400, "invalid_grant", "key");
    let token = format!("{}/oauth/token", client.gateway.base);
    let proof = key.proof("POST", &token, now, &json!({}));
    let form = client.proven(client.redemption(&code));
    let good = answer(client.post("/oauth/token", &form).header("dpop", proof)).await;
    assert_eq!(good.status, 200, "{good:?}");
}
