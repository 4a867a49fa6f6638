//! `GET /v1/credentials/{id}/token`.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use keyway_domain::Clock as _;
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::json;

use crate::{
    backend::{Backend, api_token, note},
    support::Gateway,
};

fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_is_answered_without_a_call() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let answer = backend.read(id).await;
    let token = backend.good(&answer);
    let lab = &backend.gateway.lab;
    let refresh_token = lab.refresh_tokens("snyk").remove(0).token;
    let scope = "org.read org.project.read org.project.snapshot.read";
    assert_eq!(
        answer.json(),
        json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_at": "2027-01-15T08:59:59Z",
            "scope": scope,
            "properties": {
                "kind": "snyk_oauth2",
                "access_token": token,
                "refresh_token": refresh_token,
                "expires_at": "2027-01-15T08:59:59Z",
                "scope": scope,
                "bot_id": "95233fa3-33cf-4dd3-a6ac-e040985e1a4f",
                "region": "us-01",
                "org_ids": ["59d6d97e-3106-4ebb-b608-352fad9c5b34", "1fe9cf59-8cd5-4ca9-a3fa-5b2a7a1cb2c5"],
            },
        })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(backend.refreshes(), 0);
    assert!(!answer.log().contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_token_must_be_good_and_allow_it() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await.to_string();
    let gateway = &backend.gateway;
    for none in ["", "kw_x", "canary"] {
        let answer = backend.call_as(none, "GET", &id, "token").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.header("www-authenticate").is_some());
    }
    let scopes = "credentials:read,credentials:write,proxy";
    let other = api_token(gateway, gateway.account, scopes).await;
    let answer = backend.call_as(&other, "GET", &id, "token").await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json()["summary"],
        "This API token lacks the scope credentials:token."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_ours_is_not_found() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await.to_string();
    let other = backend.gateway.other_account().await;
    let theirs = api_token(&backend.gateway, other, "credentials:token").await;
    let unknown = "0190c6f0-0000-7000-8000-000000000000";
    for (token, id) in [
        (&theirs, id.as_str()),
        (&backend.token, unknown),
        (&backend.token, "canary"),
    ] {
        let answer = backend.call_as(token, "GET", id, "token").await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.json()["summary"], "There is no such credential.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refreshed_first() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let old = backend.good(&backend.read(id).await);
    backend.gateway.clock.advance(TimeDelta::minutes(59));
    let answer = backend.read(id).await;
    assert_ne!(backend.good(&answer), old);
    assert_eq!(answer.json()["expires_at"], "2027-01-15T09:58:59Z");
    assert_eq!(backend.refreshes(), 1);
    assert_eq!(backend.events().await, ["credential.refreshed"]);
    backend.good(&backend.read(id).await);
    assert_eq!(backend.refreshes(), 1, "the new one is fresh");
    let shown = backend.shown(id).await;
    assert_eq!(shown.refreshed_at, Some(backend.gateway.clock.now()));
    assert!(
        shown
            .refresh_at
            .is_some_and(|at| at > backend.gateway.clock.now())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn force_refreshes_a_fresh_token() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let old = backend.good(&backend.read(id).await);
    let answer = backend.call("GET", id, "token?force=true").await;
    assert_ne!(backend.good(&answer), old);
    let again = backend.call("GET", id, "token?force=false").await;
    assert_eq!(backend.good(&again), backend.good(&answer));
    assert_eq!(backend.refreshes(), 1);
    let answer = backend.call("GET", id, "token?force=canary").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_readers_of_an_expired_token_one_refreshes() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let slow = Fault::Slow(Duration::from_millis(300));
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, slow);
    for round in 1..=3 {
        backend.gateway.clock.advance(hours(1));
        let answers = join_all((0..64).map(|_| backend.read(id))).await;
        let first = backend.good(&answers[0]);
        for answer in &answers {
            assert_eq!(backend.good(answer), first);
        }
        assert_eq!(backend.refreshes(), round);
    }
    let answers = join_all((0..64).map(|_| backend.call("GET", id, "token?force=true"))).await;
    for answer in &answers {
        backend.good(answer);
    }
    assert_eq!(backend.refreshes(), 4, "one does what all insist on");
    assert!(backend.gateway.lab.repeated("snyk").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_still_good_is_served_while_the_provider_is_down() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let down = Fault::Status(500);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, down);
    let old = backend.good(&backend.read(id).await);
    // 30 seconds before its end.
    backend.gateway.clock.advance(TimeDelta::seconds(3569));
    assert_eq!(backend.good(&backend.read(id).await), old);
    assert_eq!(backend.good(&backend.read(id).await), old);
    let forced = backend.call("GET", id, "token?force=true").await;
    assert_eq!(backend.good(&forced), old);
    assert_eq!(backend.refreshes(), 1, "nobody asks before the time");
    assert_eq!(backend.events().await, ["credential.refresh_failed warn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_the_callers_hear_when_to_come_back() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let down = Fault::RetryAfter(503, "90", None);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, down);
    backend.gateway.clock.advance(hours(1));
    for (summary, detail) in [
        (
            "The provider failed. Try again later.",
            "the provider answered 503 server_error",
        ),
        (
            "The provider failed a moment ago. Try again later.",
            "asked again in 90 seconds",
        ),
    ] {
        let answer = backend.read(id).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert_eq!(answer.json()["summary"], summary);
        assert_eq!(answer.header("retry-after"), Some("90"));
        assert!(answer.log().contains(detail), "{}", answer.log());
    }
    assert_eq!(backend.refreshes(), 1);
    backend.gateway.clock.advance(TimeDelta::seconds(90));
    backend.gateway.lab.clear("snyk");
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
async fn a_provider_that_does_not_answer_is_a_timeout() {
    let gateway = Gateway::start_within(Duration::from_millis(300)).await;
    let backend = Backend::at(gateway, "google").await;
    let id = backend.connect().await;
    let slow = Fault::Slow(Duration::from_secs(20));
    backend.gateway.lab.fail("google", Endpoint::Refresh, slow);
    backend.gateway.clock.advance(hours(1));
    let answer = backend.read(id).await;
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    backend.gateway.lab.clear("google");
    backend.gateway.clock.advance(TimeDelta::minutes(1));
    backend.good(&backend.read(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_credential_must_be_reconnected_and_then_works() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    backend.gateway.lab.end_all("snyk");
    backend.gateway.clock.advance(hours(1));
    for _ in 0..3 {
        let answer = backend.read(id).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert_eq!(answer.json()["summary"], "The end user must reconnect.");
        assert_eq!(answer.json()["health"]["status"], "error");
        assert!(note(&answer).contains("takes the refresh token no longer"));
        backend.gateway.clock.advance(hours(1));
    }
    let forced = backend.call("GET", id, "token?force=true").await;
    assert_eq!(forced.status, 409);
    assert_eq!(backend.refreshes(), 1, "never asked again");
    assert_eq!(backend.events().await, ["credential.refresh_failed error"]);
    assert_eq!(backend.connect().await, id);
    backend.good(&backend.read(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_somebody_else_is_waited_for_only_without_a_good_token() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    backend.gateway.clock.advance(TimeDelta::seconds(3569));
    let (store, now) = (&backend.gateway.app.store, backend.gateway.clock.now());
    let seen = backend.stored(id).await;
    let leased = store.lease_refresh(&seen, false, now).await;
    let _lease = leased.expect("an answer").expect("a lease");
    backend.good(&backend.read(id).await);
    assert_eq!(backend.refreshes(), 0);
    // Past the token's end, and past that of the lease: its holder died.
    backend.gateway.clock.advance(TimeDelta::seconds(31));
    backend.good(&backend.read(id).await);
    assert_eq!(backend.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_renewed_is_served_to_its_end() {
    let backend = Backend::of("github").await;
    let id = backend.connect().await;
    let token = backend.good(&backend.read(id).await);
    let forced = backend.call("GET", id, "token?force=true").await;
    assert_eq!(backend.good(&forced), token);
    let at = backend.gateway.clock.now() + TimeDelta::seconds(30);
    let ends = format!("UPDATE grants SET expires_at = '{at}'");
    backend.gateway.sql(&ends).await;
    assert_eq!(backend.good(&backend.read(id).await), token);
    backend.gateway.clock.advance(TimeDelta::seconds(30));
    let answer = backend.read(id).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(note(&answer).contains("nothing to renew it with"));
    assert_eq!(backend.events().await, ["credential.refresh_failed error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_tells_no_life_is_refreshed_by_the_documented_one() {
    let backend = Backend::of("salesforce").await;
    let id = backend.connect().await;
    let answer = backend.read(id).await;
    let old = backend.good(&answer);
    assert_eq!(answer.json()["expires_at"], "2027-01-15T10:00:00Z");
    backend.gateway.clock.advance(hours(2));
    let answer = backend.read(id).await;
    assert_ne!(backend.good(&answer), old);
    assert_eq!(answer.json()["expires_at"], "2027-01-15T12:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reauthorization_while_a_refresh_is_under_way_wins() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let slow = Fault::Slow(Duration::from_secs(1));
    backend
        .gateway
        .lab
        .fail_once("snyk", Endpoint::Refresh, slow);
    backend.gateway.clock.advance(hours(1));
    let renewing = async {
        while backend.refreshes() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(backend.connect().await, id);
        backend.stored(id).await
    };
    let (answer, renewed) = tokio::join!(backend.read(id), renewing);
    let token = backend.good(&answer);
    let newest = backend.stored(id).await;
    assert_eq!(newest.grant_id, renewed.grant_id);
    assert_eq!(newest.sealed_secrets, renewed.sealed_secrets);
    assert_eq!(backend.good(&backend.read(id).await), token);
    assert_eq!(backend.refreshes(), 1);
    assert_eq!(backend.events().await, ["credential.updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_a_database_that_is_away_for_a_moment() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let mut client = backend.gateway.database.client().await;
    let slow = Fault::Slow(Duration::from_millis(300));
    backend
        .gateway
        .lab
        .fail_once("snyk", Endpoint::Refresh, slow);
    backend.gateway.clock.advance(hours(1));
    let breaking = async {
        while backend.refreshes() == 0 {
            tokio::task::yield_now().await;
        }
        let holding = client.transaction().await.expect("a transaction");
        let lock = "SELECT FROM credentials FOR UPDATE";
        holding.batch_execute(lock).await.expect("locked");
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while backend.gateway.sql(kill).await.is_empty() {}
        holding.commit().await.expect("released");
    };
    let (answer, ()) = tokio::join!(backend.read(id), breaking);
    backend.good(&answer);
    assert_eq!(backend.refreshes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_hangs_up_loses_nothing() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let slow = Fault::Slow(Duration::from_millis(500));
    backend
        .gateway
        .lab
        .fail_once("snyk", Endpoint::Refresh, slow);
    backend.gateway.clock.advance(hours(1));
    tokio::select! {
        _ = backend.read(id) => panic!("answered before the provider did"),
        () = async {
            while backend.refreshes() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    backend.good(&backend.read(id).await);
    assert_eq!(backend.refreshes(), 1);
    let expired = backend.stored(id).await.expires_at;
    assert!(expired.is_some_and(|at: chrono::DateTime<Utc>| at > backend.gateway.clock.now()));
}
