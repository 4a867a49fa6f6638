//! Refreshing, at every provider that documents it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use keyway_providers::{
    ProviderError, completion::Granted, refresh::Refreshed, refusal::RefreshFailure,
};
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::support::{Client, now};

async fn connected(slug: &str) -> (Client, Granted) {
    let mut client = Client::of(slug).await;
    if slug == "slack" {
        client.lab.turn_on("slack", "token_rotation");
    }
    if slug == "shopify" {
        client = client.variable("shop", "acme.myshopify.com");
    }
    let granted = client.connect().await.expect("a grant");
    (client, granted)
}

/// All properties of a refreshed grant.
fn revealed(refreshed: &Refreshed) -> Value {
    let mut all = refreshed.public.clone();
    all.extend(refreshed.secrets.properties.clone());
    Value::Object(all)
}

fn names(properties: &Value) -> BTreeSet<String> {
    let members = properties.as_object().expect("an object").keys();
    members.filter(|name| *name != "kind").cloned().collect()
}

async fn failed(fault: Fault) -> ProviderError {
    let (client, granted) = connected("snyk").await;
    client.lab.fail("snyk", Endpoint::Refresh, fault);
    client.refresh(&granted).await.expect_err("a failure")
}

#[tokio::test]
async fn every_provider_that_documents_a_refresh_takes_ours() {
    for slug in [
        "airtable",
        "google",
        "hubspot",
        "linear",
        "quickbooks",
        "salesforce",
        "shopify",
        "slack",
        "snyk",
    ] {
        let (client, granted) = connected(slug).await;
        let refreshed = client.refresh(&granted).await;
        let refreshed = refreshed.unwrap_or_else(|error| panic!("{slug}: {error}"));
        let token = |token: &Option<String>| token.clone().expect("a token");
        let access_token = token(&refreshed.secrets.access_token);
        assert_ne!(&access_token, granted.tokens.access_token.expose());
        assert!(client.lab.is_live(&access_token), "{slug}");
        let refresh_token = token(&refreshed.secrets.refresh_token);
        assert!(client.lab.is_live(&refresh_token), "{slug}");
        let before = client.revealed(&granted);
        let after = revealed(&refreshed);
        assert_eq!(names(&after), names(&before), "{slug}");
        assert_eq!(after["scope"], before["scope"], "{slug}");
        assert_eq!(after["refresh_token"], refresh_token, "{slug}");
        assert_eq!(refreshed.secrets.external_id, granted.external.id);
        assert_eq!(client.lab.strays(), Vec::<String>::new(), "{slug}");
        let again = [Endpoint::Token, Endpoint::Refresh].map(|at| client.lab.calls(slug, at).len());
        assert_eq!(again, [1, 1], "{slug}");
    }
}

#[tokio::test]
async fn what_the_answer_gives_is_new_and_the_rest_is_kept() {
    let (client, granted) = connected("snyk").await;
    let refreshed = client.refresh(&granted).await.expect("refreshed");
    let before = client.revealed(&granted);
    assert_eq!(
        revealed(&refreshed),
        json!({
            "access_token": refreshed.secrets.access_token,
            "refresh_token": refreshed.secrets.refresh_token,
            "expires_at": "2026-11-21T13:59:59Z",
            "scope": before["scope"],
            "bot_id": before["bot_id"],
            "region": "us-01",
            "org_ids": before["org_ids"],
        })
    );
    let later = now() + TimeDelta::hours(1);
    assert_eq!(refreshed.expires_at, Some(later + TimeDelta::seconds(3599)));
    assert_eq!(
        refreshed.refresh_expires_at,
        Some(later + TimeDelta::days(180))
    );
}

#[tokio::test]
async fn a_single_use_token_is_replaced_and_works_once_more() {
    let (client, granted) = connected("snyk").await;
    let first = client.refresh(&granted).await.expect("refreshed");
    let used = granted.tokens.refresh_token.as_ref().expect("a token");
    assert_ne!(first.secrets.refresh_token.as_ref(), Some(used.expose()));
    let error = client.refresh(&granted).await.expect_err("spent");
    assert_eq!(error.refresh_failure(), RefreshFailure::Dead);
}

#[tokio::test]
async fn a_refresh_token_that_the_answer_does_not_repeat_is_kept() {
    let (client, granted) = connected("google").await;
    let refreshed = client.refresh(&granted).await.expect("refreshed");
    let used = granted.tokens.refresh_token.as_ref().expect("a token");
    assert_eq!(
        refreshed.secrets.refresh_token.as_ref(),
        Some(used.expose())
    );
}

#[tokio::test]
async fn a_provider_that_tells_no_life_has_the_documented_one() {
    let (client, granted) = connected("salesforce").await;
    let refreshed = client.refresh(&granted).await.expect("refreshed");
    let later = now() + TimeDelta::hours(1);
    assert_eq!(refreshed.expires_at, Some(later + TimeDelta::hours(2)));
}

#[tokio::test]
async fn an_expiry_that_is_not_told_again_is_forgotten() {
    let (client, granted) = connected("snyk").await;
    let body = br#"{"access_token": "only-this"}"#.to_vec();
    let answer = Fault::Answer(200, "application/json", body);
    client.lab.fail("snyk", Endpoint::Refresh, answer);
    let refreshed = client.refresh(&granted).await.expect("refreshed");
    assert_eq!(refreshed.expires_at, None);
    let (before, after) = (client.revealed(&granted), revealed(&refreshed));
    assert_eq!(after.get("expires_at"), None);
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["scope"], before["scope"]);
    assert_eq!(refreshed.token_type, granted.tokens.token_type);
    assert_eq!(
        refreshed.refresh_expires_at, granted.tokens.refresh_expires_at,
        "the same refresh token ends when it did"
    );
}

#[tokio::test]
async fn the_end_of_an_old_refresh_token_is_not_that_of_a_new_one() {
    let (client, granted) = connected("snyk").await;
    let body = br#"{"access_token": "a-new-one", "refresh_token": "a-new-one-too"}"#.to_vec();
    let answer = Fault::Answer(200, "application/json", body);
    client.lab.fail("snyk", Endpoint::Refresh, answer);
    let refreshed = client.refresh(&granted).await.expect("refreshed");
    assert_eq!(refreshed.refresh_expires_at, None);
}

#[tokio::test]
async fn retry_after_is_carried() {
    let date = Some("Fri, 15 Jan 2027 08:00:00 GMT");
    for (wait, date) in [("90", None), ("Fri, 15 Jan 2027 08:01:30 GMT", date)] {
        let error = failed(Fault::RetryAfter(429, wait, date)).await;
        assert_eq!(
            error.refresh_failure(),
            RefreshFailure::Later(Some(TimeDelta::seconds(90))),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_may_have_spent_the_token() {
    for fault in [Fault::Reset, Fault::Truncated, Fault::Garbage] {
        let error = failed(fault).await;
        let failure = error.refresh_failure();
        assert_eq!(failure, RefreshFailure::Unanswered, "{error}");
    }
}

#[tokio::test]
async fn what_was_sent_is_cut_out_of_a_refusal() {
    let (client, granted) = connected("snyk").await;
    client.lab.fail("snyk", Endpoint::Refresh, Fault::Echo(400));
    let error = client.refresh(&granted).await.expect_err("a failure");
    let words = format!("{error} {error:?}");
    let used = granted.tokens.refresh_token.as_ref().expect("a token");
    for secret in [used.expose(), &client.app.client_secret] {
        assert!(!words.contains(secret), "{words}");
    }
    assert!(words.contains("[redacted]"), "{words}");
}

#[tokio::test]
async fn verifying_tells_a_bad_token_from_a_bad_day() {
    let (client, granted) = connected("snyk").await;
    assert_eq!(client.verify_token(&granted).await, Ok(true));
    let broken = Fault::Status(500);
    client.lab.fail_once("snyk", Endpoint::Identity, broken);
    let error = client.verify_token(&granted).await.expect_err("down");
    assert!(!error.condemns_token(), "{error}");
    client.lab.end_all("snyk");
    let error = client.verify_token(&granted).await.expect_err("ended");
    assert!(error.condemns_token(), "{error}");
}

#[tokio::test]
async fn without_an_identity_call_nothing_is_verified() {
    let (client, granted) = connected("slack").await;
    assert_eq!(client.verify_token(&granted).await, Ok(false));
}
