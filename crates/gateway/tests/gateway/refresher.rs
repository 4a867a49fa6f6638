//! Refreshes in the background.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{Clock as _, health::HealthStatus, ids::CredentialId};
use keyway_gateway::lifecycle::refresher::Refresher;
use keyway_testkit::lab::{Account, Endpoint, Fault};
use keyway_web::config::RefreshLimits;
use serde_json::json;

use crate::{
    backend::{Backend, note},
    client::Client,
    support::Answer,
};

const LIMITS: RefreshLimits = RefreshLimits {
    concurrency: 16,
    rate: 50,
};

fn refresher(backend: &Backend, limits: RefreshLimits) -> Refresher {
    Refresher::new(backend.gateway.app.clone(), limits)
}

async fn once(refresher: &Refresher) -> usize {
    refresher.once().await.expect("an answer")
}

/// When the background comes for a credential.
async fn due_at(backend: &Backend, id: CredentialId) -> DateTime<Utc> {
    let due = backend.shown(id).await.refresh_at;
    due.expect("a time")
}

async fn retry_at(backend: &Backend, id: CredentialId) -> DateTime<Utc> {
    backend.stored(id).await.retry_at.expect("a time")
}

/// So many credentials of the app, each of another account, all due.
async fn all_due(backend: &Backend, count: usize) -> Vec<CredentialId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let account = Account {
            id: format!("0000000{number}-33cf-4dd3-a6ac-e040985e1a4f"),
            name: format!("Account {number}"),
            email: "user@example.com".into(),
        };
        backend.gateway.lab.sign_in("snyk", account);
        ids.push(backend.connect().await);
    }
    backend.gateway.clock.advance(TimeDelta::minutes(45));
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_ahead_of_the_end_and_not_before() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    let due = due_at(&backend, id).await;
    backend.wait_until(due - TimeDelta::microseconds(1));
    assert_eq!(once(&refresher).await, 0);
    backend.wait_until(due);
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(once(&refresher).await, 0);
    backend.good(&backend.read(id).await);
    assert_eq!(backend.refreshes(), 1);
    assert!(due_at(&backend, id).await > due);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_for_an_hour_is_asked_by_the_back_off_and_recovers() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let ends = backend.stored(id).await.expires_at.expect("an end");
    let refresher = refresher(&backend, LIMITS);
    let lab = &backend.gateway.lab;
    lab.fail("snyk", Endpoint::Refresh, Fault::Status(500));
    let first = due_at(&backend, id).await;
    let mut expected = Vec::new();
    let mut at = first;
    for span in [30, 60, 120, 240, 480, 960, 1920] {
        backend.wait_until(at);
        assert_eq!(once(&refresher).await, 1);
        expected.push(at);
        let next = retry_at(&backend, id).await;
        let (least, most) = (
            TimeDelta::seconds(span),
            TimeDelta::milliseconds(span * 1250),
        );
        assert!((least..=most).contains(&(next - at)), "{}", next - at);
        // Neither the background nor a reader asks before the time.
        let before = next - TimeDelta::microseconds(1);
        backend.wait_until(if at < ends && before > ends {
            ends - TimeDelta::microseconds(1)
        } else {
            before
        });
        assert_eq!(once(&refresher).await, 0);
        let answer = backend.read(id).await;
        if backend.gateway.clock.now() < ends {
            backend.good(&answer);
        } else {
            assert_eq!(answer.status, 502, "{answer:?}");
        }
        at = next;
    }
    assert!(at - first > TimeDelta::hours(1));
    lab.clear("snyk");
    backend.wait_until(at);
    assert_eq!(once(&refresher).await, 1);
    expected.push(at);
    backend.good(&backend.read(id).await);
    let calls = lab.calls("snyk", Endpoint::Refresh);
    let calls: Vec<_> = calls.iter().map(|call| call.at).collect();
    assert_eq!(calls, expected);
    assert_eq!(
        backend.events().await,
        [
            "credential.refresh_failed warn",
            "credential.refreshed",
            "credential.recovered"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_over_is_dead_within_one_attempt() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    backend.gateway.lab.end_all("snyk");
    backend.wait_until(due_at(&backend, id).await);
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(backend.events().await, ["credential.refresh_failed error"]);
    let answer = backend.read(id).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    for _ in 0..5 {
        backend.gateway.clock.advance(TimeDelta::days(30));
        assert_eq!(once(&refresher).await, 0);
    }
    assert_eq!(backend.refreshes(), 1);
}

async fn lost(fault: Fault) -> (Backend, Answer) {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    backend
        .gateway
        .lab
        .fail_once("snyk", Endpoint::Refresh, fault);
    backend.gateway.clock.advance(TimeDelta::hours(1));
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(backend.events().await, ["credential.refresh_failed warn"]);
    backend.wait_until(retry_at(&backend, id).await);
    assert_eq!(once(&refresher).await, 1);
    let answer = backend.read(id).await;
    (backend, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_a_single_use_provider_is_tried_once_more_and_explained() {
    for fault in [Fault::Reset, Fault::Truncated] {
        let (backend, answer) = lost(fault).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(
            note(&answer).contains("the refresh of 2027-01-15T09:00:00Z was lost"),
            "{answer:?}"
        );
        assert_eq!(backend.refreshes(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_before_the_token_was_spent_costs_nothing() {
    let (backend, answer) = lost(Fault::Garbage).await;
    backend.good(&answer);
    assert_eq!(backend.refreshes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_is_not_the_credentials_fault() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    let body = br#"{"error": "invalid_client"}"#.to_vec();
    let refused = Fault::Answer(401, "application/json", body);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, refused);
    backend.wait_until(due_at(&backend, id).await);
    assert_eq!(once(&refresher).await, 1);
    let wait = retry_at(&backend, id).await - backend.gateway.clock.now();
    assert!(wait >= TimeDelta::minutes(10), "{wait}");
    backend.good(&backend.read(id).await);
    assert_eq!(backend.events().await, ["credential.refresh_failed warn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_client_secret_helps_at_once() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    let client = Client::with(&backend.gateway, "oauth_apps:write").await;
    let path = format!("/v1/oauth-apps/{}", backend.app.id);
    let mistyped = json!({"client_secret": "mistyped"});
    client.patch(&path, &mistyped).await.ok(200);
    backend.wait_until(due_at(&backend, id).await);
    assert_eq!(once(&refresher).await, 1);
    let health = backend.shown(id).await.health;
    assert_eq!(health.status, HealthStatus::Warn);
    assert!(
        health.notes[0].contains("client ID and secret"),
        "{health:?}"
    );
    backend.gateway.clock.advance(TimeDelta::minutes(1));
    assert_eq!(
        once(&refresher).await,
        0,
        "it waits for ten minutes at least"
    );
    let renamed = client.patch(&path, &json!({"name": "New"})).await;
    renamed.ok(200);
    assert_eq!(once(&refresher).await, 0, "a name mends nothing");
    let mended = json!({"client_secret": backend.app.client_secret});
    client.patch(&path, &mended).await.ok(200);
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(backend.shown(id).await.health.status, HealthStatus::Ok);
    backend.good(&backend.read(id).await);
    assert_eq!(
        backend.events().await,
        [
            "credential.refresh_failed warn",
            "credential.refreshed",
            "credential.recovered"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_does_not_open_waits_and_is_no_lost_answer() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let refresher = refresher(&backend, LIMITS);
    backend
        .gateway
        .sql("UPDATE grants SET sealed_secrets = '\\x00'")
        .await;
    backend.wait_until(due_at(&backend, id).await);
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(once(&refresher).await, 0);
    let wait = retry_at(&backend, id).await - backend.gateway.clock.now();
    assert!(wait >= TimeDelta::minutes(10), "{wait}");
    let health = backend.stored(id).await.health;
    assert!(health.notes[0].contains("its log says why"), "{health:?}");
    assert_eq!(backend.refreshes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_patience_gets_it_for_the_whole_app() {
    let backend = Backend::of("snyk").await;
    let ids = all_due(&backend, 3).await;
    let one = RefreshLimits {
        concurrency: 1,
        rate: 50,
    };
    let refresher = refresher(&backend, one);
    let busy = Fault::RetryAfter(429, "600", None);
    backend
        .gateway
        .lab
        .fail_once("snyk", Endpoint::Refresh, busy);
    assert_eq!(once(&refresher).await, 1);
    assert_eq!(once(&refresher).await, 0, "the others rest too");
    backend.gateway.clock.advance(TimeDelta::seconds(599));
    assert_eq!(once(&refresher).await, 0);
    backend.gateway.clock.advance(TimeDelta::seconds(1));
    for _ in 0..3 {
        assert_eq!(once(&refresher).await, 1);
    }
    for id in ids {
        backend.good(&backend.read(id).await);
    }
    assert_eq!(backend.refreshes(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_start_than_the_limits_allow() {
    let backend = Backend::of("snyk").await;
    all_due(&backend, 7).await;
    let limits = RefreshLimits {
        concurrency: 2,
        rate: 3,
    };
    let refresher = refresher(&backend, limits);
    assert_eq!(once(&refresher).await, 2, "two at a time");
    assert_eq!(once(&refresher).await, 1, "three in a second");
    assert_eq!(once(&refresher).await, 0);
    backend.gateway.clock.advance(TimeDelta::milliseconds(334));
    assert_eq!(once(&refresher).await, 1);
    backend.gateway.clock.advance(TimeDelta::hours(1));
    assert_eq!(once(&refresher).await, 2);
    assert_eq!(
        once(&refresher).await,
        1,
        "what was not used is not saved up"
    );
    assert_eq!(once(&refresher).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_share_the_work_and_no_token_is_spent_twice() {
    let backend = Backend::of("snyk").await;
    let ids = all_due(&backend, 9).await;
    let gateways: Vec<Refresher> = (0..3).map(|_| refresher(&backend, LIMITS)).collect();
    let rounds = gateways.iter().map(once);
    let counts = futures_util::future::join_all(rounds).await;
    let left = once(&gateways[0]).await;
    assert_eq!(counts.iter().sum::<usize>() + left, 9);
    assert_eq!(backend.refreshes(), 9);
    assert!(backend.gateway.lab.repeated("snyk").is_empty());
    for id in ids {
        backend.good(&backend.read(id).await);
    }
}
