//! `/v1/webhooks` and what lies under it.

use serde_json::{Value, json};

use crate::{
    receiver::{Backend, Does, Receiver},
    support::Gateway,
};

const MASK: &str = "***********";
const URL: &str = "https://client.example/hooks";

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_shown_changed_and_removed() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let body = json!({
        "url": "https://CLIENT.example/hooks", "description": " Billing ",
        "events": ["oauth_app.deleted", "credential.created"],
    });
    let made = backend.post("/v1/webhooks", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let mut endpoint = made.json();
    let secret = endpoint["secret"].as_str().expect("text").to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50);
    endpoint["secret"] = json!(MASK);
    let id = endpoint["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        endpoint,
        json!({
            "id": id, "url": URL, "description": "Billing",
            "events": ["credential.created", "oauth_app.deleted"], "secret": MASK,
            "previous_secret_expires_at": null, "disabled": false, "disabled_at": null,
            "disabled_reason": null, "created_at": "2027-01-15T08:00:00Z",
            "updated_at": "2027-01-15T08:00:00Z",
        })
    );
    let path = format!("/v1/webhooks/{id}");
    let shown = backend.get(&path).await;
    assert_eq!(
        (shown.json(), shown.header("etag")),
        (endpoint.clone(), Some("\"1\""))
    );
    let listed = backend.get("/v1/webhooks").await;
    assert_eq!(listed.json(), json!({"data": [endpoint]}));

    let change = json!({"description": null, "events": null, "disabled": true});
    let changed = backend.send("PATCH", &path, Some(&change)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let endpoint = changed.json();
    assert_eq!(endpoint["url"], URL, "what is absent stays");
    assert_eq!(endpoint["description"], Value::Null);
    assert_eq!(endpoint["events"], Value::Null);
    assert_eq!(endpoint["disabled"], true);
    assert_eq!(endpoint["disabled_reason"], "by_hand");
    assert_eq!(endpoint["secret"], MASK);

    let removed = backend.send("DELETE", &path, None).await;
    assert_eq!(removed.json(), json!({"id": id, "deleted": true}));
    assert_eq!(backend.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_checked_and_all_at_once() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let long = "x".repeat(201);
    let answer = backend
        .post(
            "/v1/webhooks",
            &json!({"url": "http://client.example/", "description": long, "events": []}),
        )
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let errors = answer.json()["validation_errors"].clone();
    for field in ["url", "description", "events"] {
        assert!(errors[field][0].is_string(), "{errors}");
    }
    let answer = backend
        .post(
            "/v1/webhooks",
            &json!({"url": URL, "events": ["credential.*"]}),
        )
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    for bad in [
        json!({}),
        json!([]),
        json!({"url": 1}),
        json!({"url": URL, "secret": "whsec_mine"}),
    ] {
        let answer = backend.post("/v1/webhooks", &bad).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    let (id, _) = backend.register(URL).await;
    let path = format!("/v1/webhooks/{id}");
    for bad in [json!({"url": "x"}), json!({"events": ["x"]})] {
        let answer = backend.send("PATCH", &path, Some(&bad)).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    let rotate = format!("{path}/rotate-secret");
    for seconds in [-1, 604_801] {
        let bad = json!({"overlap_seconds": seconds});
        assert_eq!(backend.post(&rotate, &bad).await.status, 422, "{bad}");
    }
    for bad in [json!({"overlap_seconds": "1"}), json!({"x": 1})] {
        assert_eq!(backend.post(&rotate, &bad).await.status, 400, "{bad}");
    }
    for query in ["state=lost", "limit=0", "cursor=x", "before=1"] {
        let answer = backend.get(&format!("{path}/deliveries?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_for_the_revision_that_it_names() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let (id, _) = backend.register(URL).await;
    let path = format!("/v1/webhooks/{id}");
    for (method, tag, status) in [
        ("PATCH", "\"2\"", 412),
        ("DELETE", "\"2\"", 412),
        ("PATCH", "W/\"1\"", 412),
        ("PATCH", "\"1\"", 200),
        ("DELETE", "\"1\"", 412),
        ("DELETE", "\"2\"", 200),
    ] {
        let mut request = backend.request(method, &path).header("if-match", tag);
        if method == "PATCH" {
            request = request.json(&json!({"disabled": true}));
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{method} {tag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_makes_nothing_twice_and_shows_the_secret_again() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = backend
            .request("POST", "/v1/webhooks")
            .header("idempotency-key", "made-once")
            .json(&json!({"url": URL}));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 201);
        answers.push(answer.json::<Value>().await.expect("JSON"));
    }
    assert_eq!(answers[0], answers[1]);
    let listed = backend.get("/v1/webhooks").await.json();
    assert_eq!(listed["data"].as_array().expect("a list").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_overlaps_for_a_day_unless_it_is_told_otherwise() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let (id, first) = backend.register(URL).await;
    let path = format!("/v1/webhooks/{id}/rotate-secret");
    let rotated = backend.send("POST", &path, None).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert_eq!(rotated.header("etag"), Some("\"2\""));
    let rotated = rotated.json();
    assert_ne!(rotated["secret"], json!(first));
    assert_eq!(
        rotated["previous_secret_expires_at"],
        "2027-01-16T08:00:00Z"
    );
    let at_once = backend.post(&path, &json!({"overlap_seconds": 0})).await;
    assert_eq!(at_once.json()["previous_secret_expires_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_needs_its_scope() {
    let gateway = Gateway::start().await;
    let (id, _) = Backend::new(&gateway).await.register(URL).await;
    let other = "0193b3c0-0000-7000-8000-000000000000";
    let calls = [
        ("GET", "/v1/webhooks".to_owned(), "webhooks:read"),
        ("POST", "/v1/webhooks".into(), "webhooks:write"),
        ("GET", format!("/v1/webhooks/{id}"), "webhooks:read"),
        ("PATCH", format!("/v1/webhooks/{id}"), "webhooks:write"),
        ("DELETE", format!("/v1/webhooks/{id}"), "webhooks:write"),
        (
            "POST",
            format!("/v1/webhooks/{id}/rotate-secret"),
            "webhooks:write",
        ),
        (
            "GET",
            format!("/v1/webhooks/{id}/deliveries"),
            "webhooks:read",
        ),
        (
            "POST",
            format!("/v1/webhooks/{id}/deliveries/{other}/retry"),
            "webhooks:write",
        ),
        ("GET", "/v1/events".into(), "events:read"),
        ("GET", format!("/v1/events/{other}"), "events:read"),
    ];
    let all = "oauth_apps:write,credentials:token,webhooks:read,webhooks:write,events:read";
    for (method, path, scope) in &calls {
        let others: Vec<&str> = all.split(',').filter(|held| held != scope).collect();
        let backend = Backend::of(&gateway, gateway.account, &others.join(",")).await;
        let answer = backend.send(method, path, None).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        assert!(answer.log().contains(&format!("lacks {scope}")));
        let answer = gateway.request(method, &format!("{}{path}", gateway.base));
        let answer = answer.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401, "{method} {path}");
    }
    let backend = Backend::new(&gateway).await;
    for path in ["/v1/webhooks", "/v1/events"] {
        assert_eq!(backend.send("PUT", path, None).await.status, 405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_endpoint_is_not_there() {
    let gateway = Gateway::start().await;
    let ours = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, _) = ours.register(&receiver.url).await;
    let event = gateway
        .event("0193b3c0-0000-7000-8000-00000000000a", "credential.created")
        .await;
    receiver.does(Does::Answer(500));
    gateway.deliver().await;
    let path = format!("/v1/webhooks/{id}");
    let listed = ours.get(&format!("{path}/deliveries")).await.json();
    let delivery = listed["data"][0]["id"].as_str().expect("an id").to_owned();
    let account = gateway.other_account().await;
    let scopes = "webhooks:read,webhooks:write,events:read";
    let theirs = Backend::of(&gateway, account, scopes).await;
    let nothing = json!({"data": []});
    assert_eq!(theirs.get("/v1/webhooks").await.json(), nothing);
    assert_eq!(theirs.get("/v1/events").await.json(), nothing);
    for (method, path) in [
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/deliveries")),
        ("POST", format!("{path}/rotate-secret")),
        ("POST", format!("{path}/deliveries/{delivery}/retry")),
        ("GET", format!("/v1/events/{event}")),
        ("GET", "/v1/webhooks/x".into()),
        ("GET", "/v1/events/x".into()),
    ] {
        let body = (method != "GET").then(|| json!({}));
        let answer = theirs.send(method, &path, body.as_ref()).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    assert_eq!(ours.get(&path).await.header("etag"), Some("\"1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_in_pages_by_state() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, _) = backend.register(&receiver.url).await;
    let mut events = Vec::new();
    for last in 0..3 {
        let credential = format!("0193b3c0-0000-7000-8000-00000000000{last}");
        events.push(gateway.event(&credential, "credential.created").await);
    }
    gateway.deliver().await;
    let path = format!("/v1/webhooks/{id}/deliveries");
    let page = backend
        .get(&format!("{path}?limit=2&state=delivered"))
        .await;
    let page = page.json();
    let rows = page["data"].as_array().expect("a list");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["event_id"], json!(events[2]), "newest first");
    assert_eq!(rows[0]["event_type"], "credential.created");
    assert_eq!(rows[0]["attempts"], 1);
    assert_eq!(rows[0]["last_status"], 204);
    assert_eq!(rows[0]["delivered_at"], "2027-01-15T08:00:00Z");
    let cursor = page["next_cursor"].as_str().expect("more");
    let rest = backend.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!(rest["data"][0]["event_id"], json!(events[0]));
    assert_eq!(rest["next_cursor"], Value::Null);
    let pending = backend.get(&format!("{path}?state=pending")).await.json();
    assert_eq!(pending, json!({"data": []}));
}

/// Waits until so many events can be listed: those of transactions that ran beside others, be it
/// in other tests' databases, are shown when those have ended.
async fn until_listed(backend: &Backend<'_>, count: usize) {
    let listed = async {
        loop {
            let page = backend.get("/v1/events").await.json();
            if page["data"].as_array().expect("a list").len() >= count {
                return;
            }
        }
    };
    let within = std::time::Duration::from_secs(30);
    tokio::time::timeout(within, listed).await.expect("listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_by_cursor() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let credential = "0193b3c0-0000-7000-8000-00000000000a";
    let mut events = Vec::new();
    for kind in [
        "credential.created",
        "credential.refreshed",
        "credential.updated",
    ] {
        events.push(gateway.event(credential, kind).await);
    }
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["data"].as_array().expect("a list").iter();
        rows.map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    until_listed(&backend, 3).await;
    let page = backend.get("/v1/events?limit=2").await.json();
    assert_eq!(ids(&page), events[..2]);
    assert_eq!(
        page["data"][0],
        json!({
            "id": events[0], "type": "credential.created", "credential_id": credential,
            "oauth_app_id": null, "data": {}, "created_at": "2027-01-15T08:00:00Z",
        })
    );
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let page = backend.get(&format!("/v1/events?cursor={cursor}")).await;
    let page = page.json();
    assert_eq!(ids(&page), events[2..]);
    // At the end, the cursor is kept for what happens later.
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let path = format!("/v1/events?cursor={cursor}");
    assert_eq!(backend.get(&path).await.json(), json!({"data": []}));
    let later = gateway.event(credential, "credential.deleted").await;
    until_listed(&backend, 4).await;
    let page = backend.get(&path).await.json();
    assert_eq!(ids(&page), std::slice::from_ref(&later));
    let only = backend.get("/v1/events?type=credential.deleted").await;
    assert_eq!(ids(&only.json()), std::slice::from_ref(&later));
    let one = backend.get(&format!("/v1/events/{later}")).await.json();
    assert_eq!(one, page["data"][0]);
    for query in ["type=x", "cursor=x", "limit=201", "before=1"] {
        let answer = backend.get(&format!("/v1/events?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}
