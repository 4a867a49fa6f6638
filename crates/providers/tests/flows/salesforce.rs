//! Salesforce.

use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("salesforce").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "salesforce_oauth2",
            "access_token": client.access_token(),
            "refresh_token": client.refresh_token(),
            "instance_url": "https://acme.my.salesforce.com",
            "scope": "api refresh_token openid",
            "salesforce_org_id": "00Dx0000000BV7zEAG",
            "salesforce_user_id": "005x00000012Q9PAAU",
            "id_url": "https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU",
            "login_host": "login.salesforce.com",
            "sandbox": false,
        })
    );
}

#[tokio::test]
async fn names_the_org() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("00Dx0000000BV7zEAG", Some("user@acme.com"))
    );
}

#[tokio::test]
async fn asks_for_what_it_needs_whatever_it_is_told() {
    let client = client().await.scopes("api");
    let scope = &client.connected().await["scope"];
    assert_eq!(scope, &json!("api refresh_token openid"));
}

#[tokio::test]
async fn knows_a_sandbox_by_its_login_host() {
    for (host, sandbox) in [
        ("test.salesforce.com", true),
        ("acme--uat.sandbox.my.salesforce.com", true),
        ("acme.my.salesforce.com", false),
    ] {
        let client = client().await.variable("login_host", host);
        assert_eq!(
            client.connected().await["sandbox"],
            json!(sandbox),
            "{host}"
        );
    }
}

#[tokio::test]
async fn leads_to_salesforce_alone() {
    let client = client().await;
    for host in [
        "evil.example",
        "salesforce.com",
        "login.salesforce.com.evil.example",
        "login.salesforce.com/evil",
        "login.salesforce.com@evil.example",
        "evil.example#.my.salesforce.com",
        "a.b.c.my.salesforce.com",
        "acme.lightning.force.com",
        "",
    ] {
        let checked = client
            .provider
            .definition
            .check_variables([("login_host", host)]);
        assert!(checked.is_err(), "{host}");
    }
}

#[tokio::test]
async fn a_token_is_taken_to_last_two_hours() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    let ends = tokens.expires_at.expect("an end");
    assert_eq!(ends.to_rfc3339(), "2026-11-21T14:00:00+00:00");
}

#[tokio::test]
async fn revokes() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.refresh_token()));
}

#[tokio::test]
async fn a_second_revocation_is_told_in_its_words() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    client.revoke(&granted).await.expect("revoked");
    assert_eq!(
        client.revoke(&granted).await,
        Err(refused(
            400,
            "invalid_token",
            Some("this token does not exist")
        ))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: faults::status(500, PAGE),
    token_refusal: refused(200, "invalid_grant", Some("expired authorization code")),
}

identity_faults! {
    client(),
    identity_down: faults::status(500, PAGE),
    identity_refusal: ProviderError::Malformed(
        "neither JSON nor a form, but 15 bytes of text/plain; charset=utf-8".into(),
    ),
}

/// Salesforce documents no body for its own failures.
const PAGE: &str =
    "<!doctype html><html><body><h1>Something went wrong on our side</h1></body></html>";
