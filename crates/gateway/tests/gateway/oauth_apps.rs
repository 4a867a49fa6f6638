//! `/v1/oauth-apps`.

use keyway_domain::sealed::Place;
use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    support::{Gateway, TestApp},
};

const PATH: &str = "/v1/oauth-apps";

fn body() -> Value {
    json!({
        "provider": "linear", "name": "Acme Linear", "client_id": "client",
        "client_secret": "canary-client-secret", "scopes": ["read", "write"],
        "metadata": {"team": {"id": 7}},
    })
}

fn path(app: &Value) -> String {
    format!("{PATH}/{}", app["id"].as_str().expect("an id"))
}

/// The secret as the gateway would use it.
async fn opened(gateway: &Gateway, app: &Value) -> String {
    let id = app["id"].as_str().expect("an id").parse().expect("a UUID");
    let found = gateway.app.store.find_oauth_app(gateway.account, id).await;
    let found = found.expect("an answer").expect("the app");
    let place = Place::oauth_app_client_secret(id, gateway.account);
    let opened = gateway.app.ring.open(&place, &found.sealed_client_secret);
    opened.expect("opened").expose().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_registered_read_and_listed_with_a_masked_secret() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let answer = client.post(PATH, &body()).await;
    let app = answer.ok(201);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(app["client_secret"], "***********");
    for field in ["provider", "name", "client_id", "scopes", "metadata"] {
        assert_eq!(app[field], body()[field], "{field}");
    }
    let read = client.get(&path(&app)).await;
    assert_eq!(
        (read.ok(200), read.header("etag")),
        (app.clone(), Some("\"1\""))
    );
    assert_eq!(client.get(PATH).await.ok(200), json!({"data": [app]}));
    assert_eq!(opened(&gateway, &app).await, "canary-client-secret");
    let event = gateway
        .sql("SELECT kind FROM events WHERE oauth_app_id IS NOT NULL")
        .await;
    assert_eq!(event, ["oauth_app.created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_registered_by_the_api_runs_flows() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let at_lab = gateway.register("linear").await;
    client
        .delete(&format!("{PATH}/{}", at_lab.id))
        .await
        .ok(200);
    let mut body = body();
    body["client_id"] = json!(at_lab.client_id);
    body["client_secret"] = json!(at_lab.client_secret);
    let app = client.post(PATH, &body).await.ok(201);
    let app = TestApp {
        id: app["id"].as_str().expect("an id").parse().expect("a UUID"),
        ..at_lab
    };
    let code = gateway.code(&app, &[]).await;
    assert_eq!(gateway.redeem(&app, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_is_wrong_is_named() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    for (field, value) in [
        ("provider", json!("unheard-of")),
        ("provider", json!("Not A Slug")),
        ("name", json!(" ")),
        ("name", json!("x".repeat(101))),
        ("client_id", json!("a b")),
        ("client_secret", json!("***********")),
        ("client_secret", json!("")),
        ("scopes", json!(["re\"ad"])),
        ("metadata", json!({"a": "\0"})),
        ("metadata", json!({"a": "x".repeat(16 * 1024)})),
    ] {
        let mut body = body();
        body[field] = value;
        client.post(PATH, &body).await.assert_invalid(&[field]);
    }
    let all = json!({"provider": "x", "name": "", "client_id": "", "client_secret": "*"});
    let answer = client.post(PATH, &all).await;
    answer.assert_invalid(&["client_id", "client_secret", "name", "provider"]);
    client.post(PATH, &body()).await.ok(201);
    client
        .post(PATH, &body())
        .await
        .assert_invalid(&["client_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_changes_under_its_revision() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let app = client.post(PATH, &body()).await.ok(201);
    let change = |tag: &'static str, body: Value| {
        let request = client.request("PATCH", &path(&app)).header("if-match", tag);
        send(request.json(&body))
    };
    let renamed = change("\"1\"", json!({"name": "Renamed", "scopes": null})).await;
    let shown = renamed.ok(200);
    assert_eq!(renamed.header("etag"), Some("\"2\""));
    assert_eq!(
        (&shown["name"], &shown["scopes"]),
        (&json!("Renamed"), &json!(null))
    );
    assert_eq!(shown["metadata"], app["metadata"], "what is absent stays");
    let stale = change("\"1\"", json!({"name": "Stale"})).await;
    stale.assert_refused(412, "If-Match");
    change("x", json!({"name": "Stale"}))
        .await
        .assert_refused(412, "If-Match");
    change("*", json!({"client_secret": "canary-second-secret"}))
        .await
        .ok(200);
    assert_eq!(opened(&gateway, &app).await, "canary-second-secret");
    let masked = client
        .patch(&path(&app), &json!({"client_secret": "********"}))
        .await;
    masked.assert_invalid(&["client_secret"]);
    assert_eq!(opened(&gateway, &app).await, "canary-second-secret");
    for bad in [json!({"provider": "stripe"}), json!({"client_id": "other"})] {
        let answer = client.patch(&path(&app), &bad).await;
        answer.assert_refused(400, "the documented fields");
    }
    let unknown = format!("{PATH}/01a20065-dfc8-7e73-b2cb-14f045897831");
    client
        .patch(&unknown, &json!({}))
        .await
        .assert_refused(404, "no such OAuth app");
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_found_by_provider_and_metadata() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    gateway.register("stripe").await;
    let linear = client.post(PATH, &body()).await.ok(201);
    for query in [
        "provider=linear",
        "metadata=%7B%22team%22:%7B%22id%22:7%7D%7D",
    ] {
        let list = client.get(&format!("{PATH}?{query}")).await.ok(200);
        assert_eq!(list["data"], json!([linear]), "{query}");
    }
    let none = client.get(&format!("{PATH}?provider=slack")).await.ok(200);
    assert_eq!(none["data"], json!([]));
    for bad in [
        "metadata=x",
        "metadata=[]",
        "provider=%00",
        "provider=",
        "provider=A",
    ] {
        let answer = client.get(&format!("{PATH}?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    let nul = "metadata=%7B%22a%22:%22%5Cu0000%22%7D";
    client
        .get(&format!("{PATH}?{nul}"))
        .await
        .assert_invalid(&["metadata"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_in_use_stays_unless_by_force() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let app = gateway.register("linear").await;
    let code = gateway.code(&app, &[]).await;
    gateway.redeem(&app, &code).await;
    let path = format!("{PATH}/{}", app.id);
    let answer = client.delete(&path).await;
    answer.assert_refused(409, "Credentials use it: 1.");
    client.get(&path).await.ok(200);
    let force = format!("{path}?force=true");
    let stale = client.request("DELETE", &force).header("if-match", "\"9\"");
    send(stale).await.assert_refused(412, "If-Match");
    let removed = client.delete(&force).await.ok(200);
    assert_eq!(removed, json!({"id": app.id, "deleted": true}));
    client.get(&path).await.assert_refused(404, "no such");
    assert_eq!(client.get(PATH).await.ok(200), json!({"data": []}));
    let credentials = client.get("/v1/credentials").await.ok(200);
    assert_eq!(credentials, json!({"data": []}));
    let wish = client.delete(&format!("{path}?force=perhaps")).await;
    wish.assert_refused(400, "force is true or false");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_another_account_nothing_is_seen_or_changed() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let stranger = gateway.other_account().await;
    let stranger = Client::of(&gateway, stranger, "oauth_apps:read,oauth_apps:write").await;
    let path = format!("{PATH}/{}", app.id);
    assert_eq!(stranger.get(PATH).await.ok(200), json!({"data": []}));
    stranger.get(&path).await.assert_refused(404, "no such");
    let change = json!({"name": "Mine now"});
    stranger
        .patch(&path, &change)
        .await
        .assert_refused(404, "no such");
    stranger.delete(&path).await.assert_refused(404, "no such");
}
