//! Tokens that end, or that a provider refuses, under calls through the gateway.

use chrono::TimeDelta;
use keyway_domain::Clock as _;
use keyway_testkit::lab::{Endpoint, Fault};

use crate::{proxy::World, support::Answer};

/// What is too large to be held, and so to be sent again.
const LARGE: usize = 64 * 1024 + 1;

impl World {
    fn refreshes(&self) -> usize {
        self.gateway.lab.calls("up", Endpoint::Refresh).len()
    }

    async fn post(&self, path: &str, size: usize) -> Answer {
        let call = self.call("POST", path).body("x".repeat(size));
        Answer::of(call.send().await.expect("an answer")).await
    }

    /// A path whose API refuses the token that the credential has at first.
    fn refusing(&self) -> String {
        format!("refuses/{}", self.access_token)
    }

    /// The one token that the provider issued after the first.
    fn newer(&self) -> String {
        let tokens = self.gateway.lab.access_tokens("up").into_iter();
        let mut newer = tokens.filter(|issued| issued.token != self.access_token);
        let found = newer.next().expect("a token").token;
        assert!(newer.next().is_none(), "one refresh");
        found
    }
}

#[track_caller]
fn assert_made_with(answer: &Answer, token: &str) {
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    let headers = answer.json()["headers"].to_string();
    assert!(headers.contains(&format!("Bearer {token}")), "{headers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_refreshed_before_the_call() {
    let world = World::new().await;
    world.gateway.clock.advance(TimeDelta::days(2));
    let answer = world.get("users").await;
    assert_made_with(&answer, &world.newer());
    assert_eq!((world.refreshes(), world.upstream.requests()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_provider_refuses_is_made_once_more_with_new_tokens() {
    let world = World::new().await;
    let answer = world.post(&world.refusing(), 7).await;
    assert_made_with(&answer, &world.newer());
    assert_eq!(answer.json()["length"], 7, "the body came again");
    assert_eq!((world.refreshes(), world.upstream.requests()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_streamed_is_not_sent_again() {
    let world = World::new().await;
    let answer = world.post(&world.refusing(), LARGE).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, "who are you"));
    assert_eq!((world.refreshes(), world.upstream.requests()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_always_refuses_uses_up_no_refresh_tokens() {
    let world = World::new().await;
    for _ in 0..5 {
        let answer = world.get("unauthorized").await;
        assert_eq!((answer.status, answer.body.as_str()), (401, "who are you"));
    }
    assert_eq!((world.refreshes(), world.upstream.requests()), (1, 6));
    world.gateway.clock.advance(TimeDelta::minutes(1));
    world.get("unauthorized").await;
    assert_eq!((world.refreshes(), world.upstream.requests()), (2, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_stands_if_there_are_no_new_tokens() {
    let world = World::new().await;
    let lab = &world.gateway.lab;
    lab.fail("up", Endpoint::Refresh, Fault::Status(503));
    let answer = world.get(&world.refusing()).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, "who are you"));
    assert_eq!((world.refreshes(), world.upstream.requests()), (1, 1));
    let store = &world.gateway.app.store;
    let found = store
        .find_stored_credential(world.gateway.account, world.id)
        .await;
    let found = found.expect("an answer").expect("a credential");
    assert!(
        found
            .retry_at
            .is_some_and(|at| at > world.gateway.clock.now())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_calls_that_are_refused_at_once_one_refreshes() {
    let world = World::new().await;
    let path = world.refusing();
    let calls = (0..16).map(|_| world.get(&path));
    for answer in futures_util::future::join_all(calls).await {
        assert_made_with(&answer, &world.newer());
    }
    assert_eq!(world.refreshes(), 1);
}
