//! `/v1/redirect-uris`.

use chrono::TimeDelta;
use serde_json::json;

use crate::{
    client::{Client, send},
    support::{Gateway, REDIRECT_URI},
};

const PATH: &str = "/v1/redirect-uris";

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_is_registered_listed_and_removed() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    gateway.clock.advance(TimeDelta::seconds(1));
    let body = json!({"uri": "https://second.example/cb?from=:provider"});
    let created = client.post(PATH, &body).await.ok(201);
    assert_eq!(created["uri"], body["uri"]);
    let list = client.get(PATH).await.ok(200);
    assert_eq!(list["data"][0]["uri"], REDIRECT_URI, "oldest first");
    assert_eq!(list["data"][1], created);
    assert_eq!(list["next_cursor"], json!(null));
    let path = format!("{PATH}/{}", created["id"].as_str().expect("an id"));
    gateway.clock.advance(TimeDelta::seconds(1));
    let removed = client.delete(&path).await.ok(200);
    assert_eq!(removed, json!({"id": created["id"], "deleted": true}));
    client
        .delete(&path)
        .await
        .assert_refused(404, "no such redirect URI");
    let list = client.get(PATH).await.ok(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    let audited = gateway
        .sql("SELECT action FROM audit_events WHERE actor_kind = 'api_token' ORDER BY id")
        .await;
    assert_eq!(audited, ["redirect_uri.added", "redirect_uri.removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_by_name() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    for bad in [
        "http://example.com/",
        "https://*.example.com/",
        "https://a.example/#x",
        "a\0",
        REDIRECT_URI,
    ] {
        let answer = client.post(PATH, &json!({"uri": bad})).await;
        answer.assert_invalid(&["uri"]);
    }
    for bad in [
        json!({}),
        json!({"uri": 1}),
        json!({"uri": REDIRECT_URI, "x": 1}),
    ] {
        client
            .post(PATH, &bad)
            .await
            .assert_refused(400, "the documented fields");
    }
    let array = client.post(PATH, &json!([REDIRECT_URI])).await;
    array.assert_refused(400, "not a JSON object");
    let form = client.request("POST", PATH).form(&[("uri", REDIRECT_URI)]);
    send(form).await.assert_refused(415, "content type");
    client
        .delete(&format!("{PATH}/x"))
        .await
        .assert_refused(404, "no such");
    let huge = json!({"uri": "x".repeat(256 * 1024)});
    client
        .post(PATH, &huge)
        .await
        .assert_refused(413, "body over");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    for number in 0..4 {
        let body = json!({"uri": format!("https://client.example/{number}")});
        client.post(PATH, &body).await.ok(201);
    }
    let mut seen = Vec::new();
    let mut path = format!("{PATH}?limit=2");
    loop {
        let list = client.get(&path).await.ok(200);
        let rows = list["data"].as_array().expect("rows").clone();
        seen.extend(rows.into_iter().map(|row| row["id"].to_string()));
        let Some(cursor) = list["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=x",
        "limit=1&limit=2",
        "what=1",
    ] {
        let answer = client.get(&format!("{PATH}?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_another_account_nothing_is_seen_or_removed() {
    let gateway = Gateway::start().await;
    let owner = Client::new(&gateway).await;
    let stranger = gateway.other_account().await;
    let stranger = Client::of(&gateway, stranger, "redirect_uris:read,redirect_uris:write").await;
    let list = owner.get(PATH).await.ok(200);
    let path = format!("{PATH}/{}", list["data"][0]["id"].as_str().expect("an id"));
    assert_eq!(stranger.get(PATH).await.ok(200), json!({"data": []}));
    stranger.delete(&path).await.assert_refused(404, "no such");
    assert_eq!(owner.get(PATH).await.ok(200), list);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_registers_once() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let body = json!({"uri": "https://second.example/cb"});
    let send_again = || async {
        let request = client
            .request("POST", PATH)
            .header("idempotency-key", "one");
        send(request.json(&body)).await
    };
    let first = send_again().await;
    let second = send_again().await;
    assert_eq!(first.ok(201), second.ok(201));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let other = client
        .request("POST", PATH)
        .header("idempotency-key", "one");
    let other = send(other.json(&json!({"uri": "https://third.example/"}))).await;
    other.assert_invalid(&["Idempotency-Key"]);
    for bad in ["", "two words", &"x".repeat(256)] {
        let request = client.request("POST", PATH).header("idempotency-key", bad);
        let answer = send(request.json(&body)).await;
        answer.assert_refused(400, "Idempotency-Key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_is_told_which_there_are() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let answer = send(client.request("PUT", PATH)).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, POST"));
    assert!(answer.json()["summary"].is_string());
}
