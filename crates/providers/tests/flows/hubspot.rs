//! HubSpot.

use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("hubspot").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await.scopes("crm.objects.contacts.read");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "hubspot_oauth2",
            "hub_domain": "acme.com",
            "hub_id": 62515,
            "refresh_token": client.refresh_token(),
            "scopes": ["crm.objects.contacts.read", "oauth"],
            "access_token": client.access_token(),
            "expires_at": "2026-11-21T12:30:00Z",
        })
    );
}

#[tokio::test]
async fn names_the_hub() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("62515", Some("acme.com"))
    );
}

#[tokio::test]
async fn a_token_that_is_not_active_names_nobody() {
    let inactive = Fault::Answer(200, "application/json", br#"{"active": false}"#.to_vec());
    let error = faults::ends(&client().await, Endpoint::Identity, inactive).await;
    let why = "it reports a failure without a reason";
    assert_eq!(
        error,
        (Stage::Identity, ProviderError::Malformed(why.into()))
    );
}

#[tokio::test]
async fn revokes_the_refresh_token() {
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
            Some("missing or invalid refresh token")
        ))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "INTERNAL_ERROR", Some("internal error")),
    token_refusal: refused(200, "invalid_grant", Some("missing or unknown auth code")),
}

identity_faults! {
    client(),
    identity_down: refused(500, "INTERNAL_ERROR", Some("internal error")),
    identity_refusal: refused(200, "error", Some("Authentication credentials not found.")),
}
