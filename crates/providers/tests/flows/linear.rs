//! Linear.

use keyway_providers::completion::Stage;
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("linear").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await.scopes("write issues:create");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "linear_oauth2",
            "access_token": client.access_token(),
            "refresh_token": client.refresh_token(),
            "expires_at": "2026-11-22T11:59:59Z",
            "scope": "write issues:create read",
            "linear_org_id": "abc123",
            "linear_org_name": "Arrakis Inc.",
        })
    );
}

#[tokio::test]
async fn names_the_organisation() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("abc123", Some("Arrakis Inc."))
    );
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
        Err(refused(400, "invalid_token", Some("The token is invalid.")))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: faults::status(500, PAGE),
    token_refusal: refused(200, "invalid_grant", Some("The authorization code has been used.")),
}

identity_faults! {
    client(),
    identity_down: faults::status(500, PAGE),
    identity_refusal: refused(
        200,
        "AUTHENTICATION_ERROR",
        Some("Authentication required, not authenticated"),
    ),
}

/// Linear documents no body for its own failures.
const PAGE: &str =
    "<!doctype html><html><body><h1>Something went wrong on our side</h1></body></html>";
