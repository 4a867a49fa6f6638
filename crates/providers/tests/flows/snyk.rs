//! Snyk.

use keyway_providers::completion::Stage;
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("snyk").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "snyk_oauth2",
            "refresh_token": client.refresh_token(),
            "access_token": client.access_token(),
            "expires_at": "2026-11-21T12:59:59Z",
            "scope": "org.read org.project.read org.project.snapshot.read",
            "bot_id": "95233fa3-33cf-4dd3-a6ac-e040985e1a4f",
            "region": "us-01",
            "org_ids": [
                "59d6d97e-3106-4ebb-b608-352fad9c5b34",
                "1fe9cf59-8cd5-4ca9-a3fa-5b2a7a1cb2c5",
            ],
        })
    );
}

#[tokio::test]
async fn names_the_bot_and_its_first_organisation() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("95233fa3-33cf-4dd3-a6ac-e040985e1a4f", Some("Acme"))
    );
}

#[tokio::test]
async fn stays_in_its_region() {
    for (region, app, api) in [
        ("us-02", "app.us.snyk.io", "api.us.snyk.io"),
        ("eu-01", "app.eu.snyk.io", "api.eu.snyk.io"),
        ("au-01", "app.au.snyk.io", "api.au.snyk.io"),
        ("gov-01", "app.snykgov.io", "api.snykgov.io"),
    ] {
        let client = client().await.variable("region", region);
        client.connected().await;
        let hosts: Vec<String> = [Endpoint::Authorize, Endpoint::Token, Endpoint::Identity]
            .into_iter()
            .flat_map(|endpoint| client.lab.calls("snyk", endpoint))
            .map(|call| call.host)
            .collect();
        assert_eq!(hosts, [app, api, api], "{region}");
    }
}

#[tokio::test]
async fn tells_when_the_refresh_token_ends() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    let ends = tokens.refresh_expires_at.expect("an end");
    assert_eq!(ends.to_rfc3339(), "2027-05-20T12:00:00+00:00");
}

#[tokio::test]
async fn revokes_the_refresh_token() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.refresh_token()));
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "server_error", Some("An unexpected server error.")),
    token_refusal: refused(200, "invalid_grant", Some("The authorization code has been used.")),
}

identity_faults! {
    client(),
    identity_down: refused(500, "server_error", Some("An unexpected server error.")),
    identity_refusal: refused(
        200,
        "Unauthorized",
        Some("Authentication credentials are not recognized"),
    ),
}
