//! Airtable.

use keyway_providers::completion::Stage;
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("airtable").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "airtable_oauth2",
            "airtable_uid": "usrL2PNC5o3H4lBEi",
            "refresh_token": client.refresh_token(),
            "scope": "data.records:read schema.bases:read user.email:read",
            "access_token": client.access_token(),
            "expires_at": "2026-11-21T13:00:00Z",
        })
    );
}

#[tokio::test]
async fn names_the_user() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("usrL2PNC5o3H4lBEi", Some("foo@bar.com"))
    );
}

#[tokio::test]
async fn without_the_email_scope_there_is_no_label() {
    let client = client().await.scopes("schema.bases:read");
    let external = client.connect().await.expect("a grant").external;
    assert_eq!(external.label, None);
}

#[tokio::test]
async fn tells_when_the_refresh_token_ends() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    let ends = tokens.refresh_expires_at.expect("an end");
    assert_eq!(ends.to_rfc3339(), "2027-01-20T12:00:00+00:00");
}

#[tokio::test]
async fn has_no_way_to_revoke() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(false));
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "SERVER_ERROR", Some("An unexpected error occurred")),
    token_refusal: refused(200, "invalid_grant", Some("The authorization code has been used.")),
}

identity_faults! {
    client(),
    identity_down: refused(500, "SERVER_ERROR", Some("An unexpected error occurred")),
    identity_refusal: refused(200, "AUTHENTICATION_REQUIRED", Some("Authentication required")),
}
