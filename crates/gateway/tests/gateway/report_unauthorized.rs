//! `POST /v1/credentials/{id}/report-unauthorized`: Keyway looks before it condemns.

use chrono::TimeDelta;
use keyway_domain::ids::CredentialId;
use keyway_testkit::lab::{Endpoint, Fault};

use crate::{
    backend::{Backend, api_token, note},
    support::Answer,
};

async fn report(backend: &Backend, id: CredentialId) -> Answer {
    let url = format!(
        "{}/v1/credentials/{id}/report-unauthorized",
        backend.gateway.base
    );
    let request = backend.gateway.request("POST", &url);
    let request = request
        .header("authorization", format!("Bearer {}", backend.token))
        .json(&serde_json::json!({"status": 401}));
    Answer::of(request.send().await.expect("an answer")).await
}

#[track_caller]
fn assert_health(answer: &Answer, status: &str, words: &str) {
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    assert_eq!(answer.json()["health"]["status"], status, "{answer:?}");
    assert!(note(answer).contains(words), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_can_be_refreshed_is_once_in_ten_seconds() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    for _ in 0..3 {
        assert_health(&report(&backend, id).await, "ok", "");
    }
    assert_eq!(backend.refreshes(), 1);
    backend.gateway.clock.advance(TimeDelta::seconds(10));
    assert_health(&report(&backend, id).await, "ok", "");
    assert_eq!(backend.refreshes(), 2);
    backend.good(&backend.read(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_condemned_if_the_provider_says_so() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    backend.gateway.lab.end_all("snyk");
    for _ in 0..2 {
        assert_health(&report(&backend, id).await, "error", "must reconnect");
    }
    assert_eq!(backend.refreshes(), 1);
    assert_eq!(backend.events().await, ["credential.refresh_failed error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_condemned_by_a_provider_that_is_down() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let down = Fault::Status(500);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, down);
    for _ in 0..2 {
        assert_health(&report(&backend, id).await, "warn", "tries again by itself");
    }
    assert_eq!(backend.refreshes(), 1, "nobody asks before the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_is_shown_to_the_provider() {
    let backend = Backend::of("github").await;
    let id = backend.connect().await;
    let lab = &backend.gateway.lab;
    let asked = || lab.calls("github", Endpoint::Identity).len();
    let before = asked();
    let later = || backend.gateway.clock.advance(TimeDelta::seconds(10));
    for _ in 0..3 {
        assert_health(&report(&backend, id).await, "ok", "");
    }
    assert_eq!(asked(), before + 1, "once in ten seconds");
    later();
    lab.fail_once("github", Endpoint::Identity, Fault::Status(500));
    assert_health(&report(&backend, id).await, "warn", "could not be verified");
    later();
    assert_health(&report(&backend, id).await, "ok", "");
    later();
    lab.end_all("github");
    assert_health(&report(&backend, id).await, "error", "must reconnect");
    assert_eq!(backend.read(id).await.status, 409);
    assert_eq!(
        backend.events().await,
        [
            "credential.refresh_failed warn",
            "credential.recovered ok",
            "credential.refresh_failed error"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_a_way_to_ask_is_a_warning() {
    let backend = Backend::of("slack").await;
    let id = backend.connect().await;
    assert_health(&report(&backend, id).await, "warn", "has no call");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_may_be_left_out_and_is_checked() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let answer = backend.call("POST", id, "report-unauthorized").await;
    assert_health(&answer, "ok", "");
    let url = format!(
        "{}/v1/credentials/{id}/report-unauthorized",
        backend.gateway.base
    );
    for body in ["{\"canary\": 1}", "{\"status\": \"canary\"}", "canary"] {
        let request = backend.gateway.request("POST", &url);
        let request = request
            .header("authorization", format!("Bearer {}", backend.token))
            .header("content-type", "application/json")
            .body(body);
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(!answer.body.contains("canary"));
    }
    let reader = api_token(
        &backend.gateway,
        backend.gateway.account,
        "credentials:token",
    )
    .await;
    let id = id.to_string();
    let answer = backend
        .call_as(&reader, "POST", &id, "report-unauthorized")
        .await;
    assert_eq!(answer.status, 403);
}
