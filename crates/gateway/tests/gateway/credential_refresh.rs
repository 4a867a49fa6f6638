//! `POST /v1/credentials/{id}/refresh`.

use keyway_domain::Clock as _;
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::json;

use crate::backend::{Backend, api_token};

#[tokio::test(flavor = "multi_thread")]
async fn it_refreshes_now_and_shows_no_secret() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let answer = backend.call("POST", id, "refresh").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let health = json!({"status": "ok", "notes": [], "time": "2027-01-15T08:00:00Z"});
    assert_eq!(
        answer.json(),
        json!({"id": id, "health": health, "expires_at": "2027-01-15T08:59:59Z"})
    );
    assert_eq!(backend.refreshes(), 1);
    let shown = backend.shown(id).await;
    assert_eq!(shown.refreshed_at, Some(backend.gateway.clock.now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_the_scope() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await.to_string();
    let gateway = &backend.gateway;
    let reader = api_token(gateway, gateway.account, "credentials:token").await;
    let answer = backend.call_as(&reader, "POST", &id, "refresh").await;
    assert_eq!(answer.status, 403);
    assert_eq!(backend.refreshes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_told_even_beside_a_good_token() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let down = Fault::Status(500);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, down);
    for calls in 1..=2 {
        let answer = backend.call("POST", id, "refresh").await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.header("retry-after").is_some());
        assert_eq!(backend.refreshes(), calls, "insisted on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_refreshed_is_a_conflict() {
    let backend = Backend::of("github").await;
    let id = backend.connect().await;
    let answer = backend.call("POST", id, "refresh").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["health"]["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_credential_is_a_conflict_and_is_not_asked_for() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    backend.gateway.lab.end_all("snyk");
    for _ in 0..2 {
        let answer = backend.call("POST", id, "refresh").await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert_eq!(answer.json()["health"]["status"], "error");
    }
    assert_eq!(backend.refreshes(), 1);
}
