//! Link sessions: one connection each, another try after a refusal, and nothing left lying about.

use futures_util::future::join_all;
use keyway_testkit::{
    lab::{Account, Endpoint, Fault},
    log,
};
use serde_json::{Value, json};

use crate::{
    canaries::dump,
    link_sessions::{Client, request},
    support::Answer,
};

const TEMPLATE: &str = "https://client.example/oauth2/callback/:provider";

fn workspace(id: &str, name: &str) -> Account {
    Account {
        id: id.into(),
        name: name.into(),
        email: "user@example.com".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_good_for_one_connection() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let late = made.begin(gateway, &app).await;
    made.assert_done(&made.walk(gateway, &app).await);
    gateway
        .get(&made.url)
        .await
        .assert_page(410, "link session used");
    made.submit(gateway, &app)
        .await
        .assert_page(410, "link session used");
    // A flow that began before, of another account: refused, and its grant is revoked in time.
    gateway
        .lab
        .sign_in("linear", workspace("def456", "Caladan Ltd."));
    let callback = gateway
        .lab
        .approve(&late.authorize_url)
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &late.cookie).await;
    answer.assert_page(400, "the link session was used meanwhile");
    assert!(!answer.body.contains("Try again"), "{}", answer.body);
    let kept = "SELECT external_id FROM credentials";
    assert_eq!(gateway.sql(kept).await, ["abc123"]);
    let queued = "SELECT external_id FROM grants WHERE ended_reason = 'unredeemed'";
    assert_eq!(gateway.sql(queued).await, ["def456"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_flows_of_one_session_one_makes_a_connection() {
    for redirect_uri in [Value::Null, json!(TEMPLATE)] {
        let client = Client::new().await;
        let gateway = &client.gateway;
        let app = gateway.register("linear").await;
        let mut body = request(&[&app]);
        body["redirect_uri"] = redirect_uri.clone();
        let made = client.session(&body).await;
        let mut returning = Vec::new();
        for _ in 0..64 {
            let begun = made.begin(gateway, &app).await;
            let callback = gateway.lab.approve(&begun.authorize_url).await;
            returning.push((callback.expect("agreed").url, begun.cookie));
        }
        let visits = returning
            .iter()
            .map(|(url, cookie)| gateway.get_with(url, cookie));
        let answers = join_all(visits).await;
        let won = |answer: &&Answer| {
            let location = answer.header("location").unwrap_or_default();
            location.ends_with("/done") || location.contains("code=")
        };
        assert_eq!(answers.iter().filter(won).count(), 1, "{redirect_uri}");
        let lost = |answer: &&Answer| answer.log().contains("the link session was used meanwhile");
        assert_eq!(answers.iter().filter(lost).count(), 63);
        let completed =
            "SELECT count(*) FROM authorization_sessions WHERE completed_at IS NOT NULL";
        assert_eq!(gateway.sql(completed).await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_and_a_fault_leave_it_open_for_another_try() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let begun = made.begin(gateway, &app).await;
    let denied = gateway
        .lab
        .deny(&begun.authorize_url)
        .await
        .expect("sent back");
    let page = gateway.get_with(&denied.url, &begun.cookie).await;
    page.assert_page(400, "access_denied");
    let again = format!("href=\"/link/session/{}\"", made.token());
    assert!(
        page.body.contains("Connection refused") && page.body.contains(&again),
        "{}",
        page.body
    );
    gateway
        .lab
        .fail_once("linear", Endpoint::Token, Fault::Status(500));
    let page = made.walk(gateway, &app).await;
    page.assert_page(400, "the provider answered 500");
    assert!(page.body.contains(&again), "{}", page.body);
    made.assert_done(&made.walk(gateway, &app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_since_is_not_offered() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let mut body = request(&[&app]);
    body["redirect_uri"] = json!(TEMPLATE);
    let made = client.session(&body).await;
    gateway.sql("DELETE FROM redirect_uris").await;
    made.submit(gateway, &app)
        .await
        .assert_page(410, "offers nothing any more");
    let log =
        "SELECT error_description FROM authorization_sessions WHERE link_session_id IS NOT NULL";
    assert!(gateway.sql(log).await[0].contains("not registered"));
    gateway
        .sql("UPDATE oauth_apps SET removed_at = now()")
        .await;
    gateway
        .get(&made.url)
        .await
        .assert_page(410, "offers nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_session_is_at_rest_or_in_a_log() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let mut body = request(&[&app]);
    body["state"] = json!("canary-of-a-link-session");
    body["redirect_uri"] = json!(TEMPLATE);
    let made = client.session(&body).await;
    let begun = made.begin(gateway, &app).await;
    // Under way, and over.
    let dumps = [dump(gateway.database.url()), {
        let callback = gateway
            .lab
            .approve(&begun.authorize_url)
            .await
            .expect("agreed");
        gateway.get_with(&callback.url, &begun.cookie).await;
        gateway.get(&made.url).await;
        dump(gateway.database.url())
    }];
    for text in dumps.iter().chain([&log::all()]) {
        assert!(!text.contains(made.token()));
        assert!(!text.contains("canary-of-a-link-session"));
    }
}
