//! The OAuth endpoints of two gateways: what is good once is taken once, and what two clients share at
//! the provider, neither loses.

use futures_util::future::join_all;
use keyway_domain::{Clock as _, clock::SystemClock};
use keyway_testkit::lab::Neutral;
use serde_json::{Value, json};

use crate::{
    fleet::PROVIDER,
    oauth_client::{CALLERS, Outcome, World, form, jti},
};

const ROUNDS: usize = 20;
/// Refreshes of each of the two clients.
const REFRESHES: usize = 1000;

/// One succeeded; the others were refused like this.
#[track_caller]
fn assert_one(round: usize, outcomes: &[Outcome], status: u16, error: &str) {
    let refused = (status, Some(error.to_owned()));
    let good = outcomes.iter().filter(|(status, _)| *status == 200).count();
    let others = outcomes
        .iter()
        .filter(|outcome| **outcome == refused)
        .count();
    assert_eq!(
        (good, others),
        (1, CALLERS - 1),
        "round {round}: {outcomes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_a_refresh_token_and_an_assertion_are_taken_once() {
    let world = World::new(Neutral::default()).await;
    let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for round in 0..ROUNDS {
        let redemption = world.redemption(&world.code().await);
        let outcomes = world.race("/oauth/token", &redemption, None).await;
        assert_one(round, &outcomes, 400, "invalid_grant");

        let refreshing = world.refreshing(&world.connect().await);
        let outcomes = world.race("/oauth/token", &refreshing, None).await;
        assert_one(round, &outcomes, 400, "invalid_grant");

        let now = SystemClock.now().timestamp();
        let app = world.fleet.app.to_string();
        let claims = json!({
            "iss": app, "sub": app, "aud": world.fleet.public_url(), "exp": now + 60, "jti": jti(),
        });
        let assertion = world.sign(&json!({"alg": "ES256"}), &claims);
        let revoking = form(&[
            ("token", "x"),
            ("client_assertion_type", assertion_type),
            ("client_assertion", &assertion),
        ]);
        let outcomes = world.race("/oauth/revoke", &revoking, None).await;
        assert_one(round, &outcomes, 401, "invalid_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken_once() {
    let world = World::new(Neutral::default()).await;
    let mut body = world.connect().await;
    for round in 0..ROUNDS {
        let proof = world.proof("/oauth/token");
        let refreshing = world.refreshing(&body);
        let callers = (0..CALLERS)
            .map(|caller| world.post(caller, "/oauth/token", &refreshing, Some(&proof)));
        let answers = join_all(callers).await;
        let outcomes: Vec<Outcome> = answers
            .iter()
            .map(|(status, body)| {
                let error = body.get("error").and_then(Value::as_str);
                (*status, error.map(str::to_owned))
            })
            .collect();
        assert_one(round, &outcomes, 400, "invalid_dpop_proof");
        // A refused proof spends no refresh token: the family lives on.
        body = answers
            .into_iter()
            .find(|(status, _)| *status == 200)
            .expect("one")
            .1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_taken_once() {
    let world = World::new(Neutral::default()).await;
    for round in 0..ROUNDS {
        let pushing = world.proven(world.request());
        let (status, body) = world.post(round, "/oauth/par", &pushing, None).await;
        assert_eq!(status, 201, "{body}");
        let uri = body
            .get("request_uri")
            .and_then(Value::as_str)
            .expect("a URI");
        let named = form(&[
            ("client_id", &world.fleet.app.to_string()),
            ("request_uri", uri),
        ]);
        let callers = (0..CALLERS).map(|caller| world.begin(world.at(caller), &named));
        let begun = join_all(callers).await;
        let good = begun.iter().filter(|begun| begun.is_ok()).count();
        let pages = begun
            .iter()
            .filter(|begun| matches!(begun, Err(400)))
            .count();
        assert_eq!((good, pages), (1, CALLERS - 1), "round {round}: {begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_of_one_credential_refresh_a_thousand_times_and_lose_nothing() {
    // A token that ends within a minute is renewed at every refresh.
    let habits = Neutral {
        access_life: 45,
        ..Neutral::default()
    };
    let world = World::new(habits).await;
    let clients = [world.connect().await, world.connect().await];
    let ids = clients
        .each_ref()
        .map(|body| body.get("credential_id").cloned());
    assert_eq!(ids[0], ids[1], "one credential");
    let refresh = async |number: usize, mut body: Value| {
        for round in 0..REFRESHES {
            let refreshing = world.refreshing(&body);
            let (status, next) = world
                .post(number + round, "/oauth/token", &refreshing, None)
                .await;
            assert_eq!(status, 200, "client {number}, round {round}: {next}");
            body = next;
        }
        body
    };
    let [first, second] = clients;
    let (first, second) = tokio::join!(refresh(0, first), refresh(1, second));
    for body in [first, second] {
        let (status, body) = world
            .post(0, "/oauth/token", &world.refreshing(&body), None)
            .await;
        assert_eq!(status, 200);
        let token = body
            .get("access_token")
            .and_then(Value::as_str)
            .expect("a token");
        assert!(world.fleet.lab.is_live(token));
    }
    let calls = world
        .fleet
        .lab
        .calls(PROVIDER, keyway_testkit::lab::Endpoint::Refresh);
    assert!(
        calls.len() > REFRESHES / 4,
        "{} refreshes at the provider",
        calls.len()
    );
    assert!(
        world.fleet.lab.repeated(PROVIDER).is_empty(),
        "a token was spent twice"
    );
}
