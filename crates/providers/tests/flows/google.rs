//! Google.

use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::{Client, parse},
};

async fn client() -> Client {
    Client::of("google").await
}

const SCOPE: &str = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile";

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "google_oauth2",
            "access_token": client.access_token(),
            "refresh_token": client.refresh_token(),
            "scope": SCOPE,
            "expires_at": "2026-11-21T12:59:59Z",
            "google_user_id": "10769150350006150715113082367",
            "name": "Example User",
            "email": "user@example.com",
        })
    );
}

#[tokio::test]
async fn names_the_user() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("10769150350006150715113082367", Some("user@example.com"))
    );
}

#[tokio::test]
async fn a_user_without_a_mailbox_scope_has_no_email() {
    let client = client().await.scopes("openid profile");
    assert_eq!(client.connected().await.get("email"), None);
}

#[tokio::test]
async fn an_id_token_for_another_flow_is_not_trusted() {
    let client = client().await;
    let mut started = client.start();
    let parameters = client.approved(&started).await;
    started.nonce = Some("another".into());
    let why = "id_token: nonce is not the one we sent";
    assert_eq!(
        client
            .complete(&started, &parameters)
            .await
            .expect_err("refused"),
        (Stage::Exchange, ProviderError::Untrusted(why.into()))
    );
}

#[tokio::test]
async fn an_answer_without_an_id_token_is_not_trusted() {
    let tokens = br#"{"access_token": "1/token", "scope": "openid"}"#.to_vec();
    let without = Fault::Answer(200, "application/json", tokens);
    let why = "no id_token, though openid was asked for";
    assert_eq!(
        faults::ends(&client().await, Endpoint::Token, without).await,
        (Stage::Exchange, ProviderError::Untrusted(why.into()))
    );
}

#[tokio::test]
async fn another_issuer_is_not_trusted() {
    let why = "iss is not this provider's issuer";
    assert_eq!(
        client()
            .await
            .verify(&parse("code=c&iss=https://evil.example")),
        Err(ProviderError::Untrusted(why.into()))
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
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let client = client().await;
    let mut granted = client.connect().await.expect("a grant");
    granted.tokens.refresh_token = None;
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.access_token()));
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
            Some("Token expired or revoked")
        ))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "internal_failure", Some("Backend Error")),
    token_refusal: refused(200, "invalid_grant", Some("Malformed auth code.")),
}

identity_faults! {
    client(),
    identity_down: refused(500, "internal_failure", Some("Backend Error")),
    identity_refusal: refused(200, "invalid_request", Some("Invalid Credentials")),
}
