//! Deliveries: signed, in order, at least once, and to nobody who must not be reached.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use keyway_domain::{Clock as _, clock::SystemClock};
use keyway_gateway::lifecycle::webhooks;
use keyway_testkit::log;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::{
    receiver::{Backend, Does, Received, Receiver},
    support::Gateway,
};

const A: &str = "0193b3c0-0000-7000-8000-00000000000a";
const B: &str = "0193b3c0-0000-7000-8000-00000000000b";

async fn deliveries(backend: &Backend<'_>, endpoint: &str, state: &str) -> Vec<Value> {
    let path = format!("/v1/webhooks/{endpoint}/deliveries?state={state}");
    let answer = backend.get(&path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_library_verifies_what_a_flow_tells() {
    let gateway = Gateway::start().await;
    gateway.now_is(SystemClock.now());
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (_, secret) = backend.register(&receiver.url).await;
    let app = gateway.register("linear").await;
    let code = gateway.code(&app, &[]).await;
    let redeemed = gateway.redeem(&app, &code).await.json();
    gateway.deliver().await;
    let taken = receiver.taken();
    let kinds: Vec<Value> = taken.iter().map(|one| one.json()["type"].clone()).collect();
    assert!(kinds.contains(&json!("oauth_app.created")), "{kinds:?}");
    let created = taken
        .iter()
        .find(|one| one.json()["type"] == "credential.created")
        .expect("the credential's");
    let library = Webhook::new(&secret).expect("a secret");
    for one in &taken {
        library.verify(&one.body, &one.headers).expect("verified");
        let mut forged = one.body.clone();
        forged.push(b' ');
        library
            .verify(&forged, &one.headers)
            .expect_err("another body");
        assert_eq!(one.header("content-type"), "application/json");
        assert!(one.header("user-agent").starts_with("Keyway/"));
    }
    let body = created.json();
    let event = created.event();
    assert_eq!(
        body["data"],
        json!({
            "event_id": event, "credential_id": redeemed["credential"]["id"], "oauth_app_id": app.id,
            "provider": "linear", "kind": "linear_oauth2", "external_id": "abc123",
        })
    );
    let shown = backend.get(&format!("/v1/events/{event}")).await.json();
    assert_eq!(shown["created_at"], body["timestamp"]);
    // Nothing of what the flow granted.
    let text = String::from_utf8(created.body.clone()).expect("text");
    for token in gateway.lab.access_tokens("linear") {
        assert!(!text.contains(&token.token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_two_secrets_overlap_both_verify() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, old) = backend.register(&receiver.url).await;
    let path = format!("/v1/webhooks/{id}/rotate-secret");
    let rotated = backend.post(&path, &json!({"overlap_seconds": 60})).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let new = rotated.json()["secret"].as_str().expect("text").to_owned();
    assert_ne!(old, new);
    gateway.clock.advance(TimeDelta::seconds(59));
    gateway.event(A, "credential.created").await;
    gateway.deliver().await;
    gateway.clock.advance(TimeDelta::seconds(1));
    gateway.event(B, "credential.created").await;
    gateway.deliver().await;
    let [during, after] = &receiver.taken()[..] else {
        panic!("two");
    };
    assert!(during.is_signed_with(&old) && during.is_signed_with(&new));
    assert!(!after.is_signed_with(&old) && after.is_signed_with(&new));
    assert_eq!((during.signatures(), after.signatures()), (2, 1));
}

/// Each event, and in the order in which they happened: by credential.
fn by_credential(received: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut streams = BTreeMap::<String, Vec<String>>::new();
    for one in received {
        let stream = streams.entry(one.credential()).or_default();
        if !stream.contains(&one.event()) {
            stream.push(one.event());
        }
    }
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_for_two_days_misses_nothing() {
    let gateway = Gateway::start_within(Duration::from_millis(500)).await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, secret) = backend.register(&receiver.url).await;
    let start = gateway.app.now();
    let mut expected = BTreeMap::<String, Vec<String>>::new();
    let down = [
        Does::Answer(500),
        Does::Redirect(302),
        Does::Hang,
        Does::Redirect(307),
        Does::AskForPatience(503, 60),
        Does::Answer(404),
    ];
    for (turn, does) in (0..).zip(down.iter().cycle()) {
        if gateway.app.now() - start >= TimeDelta::days(2) {
            break;
        }
        for credential in [A, B].iter().take(if turn < 8 { 2 } else { 0 }) {
            let event = gateway.event(credential, "credential.updated").await;
            let events = expected.entry((*credential).to_owned()).or_default();
            events.push(event);
        }
        receiver.does(*does);
        webhooks::once(&gateway.app).await.expect("claimed");
        gateway.advance_to_next_attempt().await;
    }
    assert!(receiver.taken().is_empty());
    let failed = receiver.received();
    let first: Vec<&String> = [A, B].iter().map(|id| &expected[*id][0]).collect();
    assert!(
        failed.iter().all(|one| first.contains(&&one.event())),
        "the others wait for the first"
    );
    assert!((20..40).contains(&failed.len()), "{}", failed.len());
    assert!(
        failed.iter().all(|one| one.path == "/hooks"),
        "no redirect is followed"
    );
    receiver.does(Does::Answer(200));
    for _ in 0..4 {
        gateway.advance_to_next_attempt().await;
        gateway.deliver().await;
        if deliveries(&backend, &id, "pending").await.is_empty() {
            break;
        }
    }
    let taken = receiver.taken();
    assert_eq!(by_credential(&taken), expected, "each, and in order");
    assert_eq!(taken.len(), 16);
    for one in receiver.received() {
        assert!(one.is_signed_with(&secret));
    }
    assert_eq!(deliveries(&backend, &id, "delivered").await.len(), 16);
    assert!(deliveries(&backend, &id, "dead").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_brings_the_event_twice() {
    let gateway = Gateway::start_within(Duration::from_millis(300)).await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, _) = backend.register(&receiver.url).await;
    let event = gateway.event(A, "credential.created").await;
    receiver.does(Does::Hang);
    gateway.deliver().await;
    let pending = deliveries(&backend, &id, "pending").await;
    let error = pending[0]["last_error"].as_str().expect("why");
    assert!(error.starts_with("The endpoint did not answer within"));
    assert_eq!(pending[0]["last_status"], Value::Null);
    receiver.does(Does::Answer(202));
    gateway.advance_to_next_attempt().await;
    gateway.deliver().await;
    let events: Vec<String> = receiver.received().iter().map(Received::event).collect();
    assert_eq!(events, [event.clone(), event]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_gives_its_deliveries_back() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    backend.register(&receiver.url).await;
    gateway.event(A, "credential.created").await;
    let now = gateway.app.now();
    let claimed = gateway.app.store.claim_webhook_deliveries(10, now).await;
    assert_eq!(claimed.expect("claimed").len(), 1);
    gateway.deliver().await;
    assert!(receiver.received().is_empty(), "it is the other's");
    gateway.clock.advance(keyway_store::WEBHOOK_LEASE);
    gateway.deliver().await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_days_it_is_a_dead_letter_that_can_be_sent_by_hand() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, _) = backend.register(&receiver.url).await;
    let start = gateway.app.now();
    let event = gateway.event(A, "credential.deleted").await;
    receiver.does(Does::Answer(500));
    loop {
        gateway.deliver().await;
        if deliveries(&backend, &id, "pending").await.is_empty() {
            break;
        }
        gateway.advance_to_next_attempt().await;
    }
    let life = gateway.app.now() - start;
    assert_eq!(life.num_hours(), 72);
    let attempts = receiver.received().len();
    assert!((18..=21).contains(&attempts), "{attempts}");
    let dead = deliveries(&backend, &id, "dead").await.remove(0);
    assert_eq!(dead["attempts"], json!(attempts));
    assert_eq!(dead["last_status"], json!(500));
    assert_eq!(dead["last_error"], json!("The endpoint answered 500."));
    assert_eq!(dead["next_attempt_at"], Value::Null);
    gateway.clock.advance(TimeDelta::days(2));
    gateway.deliver().await;
    assert_eq!(receiver.received().len(), attempts, "nobody tries again");

    let delivery = dead["id"].as_str().expect("an id");
    let retry = format!("/v1/webhooks/{id}/deliveries/{delivery}/retry");
    let answer = backend.send("POST", &retry, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["state"], "pending");
    gateway.deliver().await;
    assert_eq!(
        deliveries(&backend, &id, "dead").await.len(),
        1,
        "one more attempt, and it failed"
    );
    receiver.does(Does::Answer(200));
    backend.send("POST", &retry, None).await;
    gateway.deliver().await;
    assert_eq!(receiver.taken().len(), 1);
    assert_eq!(receiver.taken()[0].event(), event);
    let answer = backend.send("POST", &retry, None).await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_may_ask_for_patience() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    backend.register(&receiver.url).await;
    gateway.event(A, "credential.created").await;
    for (does, least, most) in [
        (Does::AskForPatience(429, 600), 600, 601),
        (Does::AskForPatience(503, 1_000_000), 21_600, 21_601),
        // A step of the schedule, since the status has no such meaning.
        (Does::AskForPatience(500, 100_000), 120, 145),
    ] {
        receiver.does(does);
        gateway.deliver().await;
        let wait = gateway.advance_to_next_attempt().await.num_seconds();
        assert!((least..=most).contains(&wait), "{does:?}: {wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_says_so() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, _) = backend.register(&receiver.url).await;
    gateway.event(A, "credential.created").await;
    receiver.does(Does::Answer(410));
    gateway.deliver().await;
    let path = format!("/v1/webhooks/{id}");
    let shown = backend.get(&path).await.json();
    assert_eq!(shown["disabled"], true);
    assert_eq!(shown["disabled_reason"], "gone");
    let dead = deliveries(&backend, &id, "dead").await.remove(0);
    let error = dead["last_error"].as_str().expect("why");
    assert_eq!(error, "The endpoint answered 410 Gone, and was disabled.");
    gateway.event(A, "credential.updated").await;
    gateway.deliver().await;
    assert_eq!(receiver.received().len(), 1);
    // Back again, on somebody's word.
    let answer = backend
        .send("PATCH", &path, Some(&json!({"disabled": false})))
        .await;
    assert_eq!(answer.json()["disabled_reason"], Value::Null);
    receiver.does(Does::Answer(200));
    gateway.event(A, "credential.updated").await;
    gateway.deliver().await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_refused_when_it_is_registered_and_when_it_is_called() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    for private in [
        "https://10.0.0.1/hooks",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/",
        // The tests may reach 127.0.0.1 alone.
        "https://0x7f.1.1.1/",
    ] {
        let answer = backend.post("/v1/webhooks", &json!({"url": private})).await;
        assert_eq!(answer.status, 422, "{private}: {answer:?}");
        let why = answer.json()["validation_errors"]["url"][0].clone();
        let why = why.as_str().expect("a sentence");
        assert!(why.contains("is not a public address"), "{why}");
    }
    // Past the check, as a name that changes its answer would be.
    let receiver = Receiver::start();
    let (id, _) = backend.register(&receiver.url).await;
    let change = "UPDATE webhook_endpoints SET url = 'https://10.0.0.1/hooks'";
    gateway.sql(change).await;
    gateway.event(A, "credential.created").await;
    gateway.deliver().await;
    let pending = deliveries(&backend, &id, "pending").await.remove(0);
    let error = pending["last_error"].as_str().expect("why");
    assert_eq!(
        error,
        "The endpoint could not be reached: 10.0.0.1 is not a public address; KEYWAY_OUTBOUND_ALLOW can exempt it."
    );
    assert!(receiver.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dispatcher_wakes_by_itself_and_stops_when_it_is_told() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    backend.register(&receiver.url).await;
    let running = tokio::spawn(webhooks::run(gateway.app.clone()));
    for _ in 0..5 {
        gateway.event(A, "credential.updated").await;
        gateway.event(B, "credential.updated").await;
    }
    receiver.until(10).await;
    let streams = by_credential(&receiver.taken());
    assert!(streams.values().all(|stream| stream.len() == 5));
    gateway.app.stop.cancel();
    running.await.expect("stopped");
    let open = "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'";
    assert_eq!(gateway.sql(open).await, ["0"], "what was under way ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_holds_up_no_other_and_no_connection() {
    let gateway = Gateway::start_within(Duration::from_mins(1)).await;
    let backend = Backend::new(&gateway).await;
    let (hangs, works) = (Receiver::start(), Receiver::start());
    backend.register(&hangs.url).await;
    hangs.does(Does::Hang);
    let running = tokio::spawn(webhooks::run(gateway.app.clone()));
    for _ in 0..20 {
        let credential = gateway.sql("SELECT gen_random_uuid()").await.remove(0);
        gateway.event(&credential, "credential.created").await;
    }
    hangs.until(4).await;
    backend.register(&works.url).await;
    for _ in 0..20 {
        let credential = gateway.sql("SELECT gen_random_uuid()").await.remove(0);
        gateway.event(&credential, "credential.created").await;
    }
    works.until(20).await;
    assert_eq!(hangs.received().len(), 4, "four at a time");
    // Between two statements of the dispatcher's own a connection is held too, for a moment.
    let held = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let patience = Instant::now() + Duration::from_secs(20);
    while gateway.sql(held).await != ["0"] {
        assert!(Instant::now() < patience, "held while the endpoint hangs");
    }
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_at_rest_or_in_the_log() {
    let gateway = Gateway::start().await;
    let backend = Backend::new(&gateway).await;
    let receiver = Receiver::start();
    let (id, first) = backend.register(&receiver.url).await;
    let path = format!("/v1/webhooks/{id}/rotate-secret");
    let rotate = backend
        .request("POST", &path)
        .header("idempotency-key", "rotation")
        .send();
    let rotated: Value = rotate.await.expect("an answer").json().await.expect("JSON");
    let second = rotated["secret"].as_str().expect("text").to_owned();
    gateway.event(A, "credential.created").await;
    gateway.deliver().await;
    receiver.does(Does::Answer(500));
    gateway.event(A, "credential.updated").await;
    gateway.deliver().await;
    let logged = log::all();
    assert!(logged.contains("delivery failed"));
    for secret in [&first, &second] {
        let bare = secret.strip_prefix("whsec_").expect("the prefix");
        assert!(!logged.contains(bare));
        for (table, column) in [
            ("webhook_endpoints", "sealed_secret"),
            ("webhook_endpoints", "sealed_previous_secret"),
            ("idempotency_keys", "sealed_response"),
        ] {
            let found = format!(
                "SELECT count(*) FROM {table} WHERE position('{bare}'::bytea in {column}) > 0"
            );
            assert_eq!(gateway.sql(&found).await, ["0"], "{table}.{column}");
            let rows = format!("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL");
            assert_eq!(gateway.sql(&rows).await, ["1"]);
        }
        let rows = "SELECT string_agg(t::text, ' ') FROM webhook_deliveries t";
        assert!(!gateway.sql(rows).await[0].contains(bare));
        let audit = "SELECT string_agg(t::text, ' ') FROM audit_events t";
        assert!(!gateway.sql(audit).await[0].contains(bare));
    }
}
