//! Stripe Connect.

use keyway_providers::completion::Stage;
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("stripe").await.secret("sk_test_of_the_platform")
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "stripe_oauth2",
            "secret": client.access_token(),
            "test": true,
            "name": "Acme",
            "stripe_user_id": "acct_1032D82eZvKYlo2C",
            "scope": "read_only",
            "publishable_key": "pk_test_publishable",
            "refresh_token": client.refresh_token(),
        })
    );
}

#[tokio::test]
async fn the_mode_is_that_of_the_platforms_key() {
    let client = Client::of("stripe").await.secret("sk_live_of_the_platform");
    assert_eq!(client.connected().await["test"], json!(false));
}

#[tokio::test]
async fn asks_for_the_scope_that_it_is_told() {
    let client = client().await.scopes("read_write");
    assert_eq!(client.connected().await["scope"], json!("read_write"));
}

#[tokio::test]
async fn names_the_account() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("acct_1032D82eZvKYlo2C", Some("Acme"))
    );
}

#[tokio::test]
async fn access_does_not_end_by_itself() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    assert_eq!(tokens.expires_at, None);
}

#[tokio::test]
async fn a_code_that_stripe_repeats_is_cut_out() {
    let client = client().await;
    let started = client.start();
    client.approved(&started).await;
    let foreign = crate::support::parse("code=ac_never_issued");
    let (_, error) = client
        .complete(&started, &foreign)
        .await
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the provider answered 400 invalid_grant: Authorization code does not exist: [redacted]"
    );
}

#[tokio::test]
async fn revokes() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.access_token()));
}

#[tokio::test]
async fn a_second_revocation_is_told_in_its_words() {
    let client = client().await;
    let mut granted = client.connect().await.expect("a grant");
    let other = json!("acct_of_somebody_else");
    granted
        .properties
        .public
        .insert("stripe_user_id".into(), other);
    assert_eq!(
        client.revoke(&granted).await,
        Err(refused(
            401,
            "invalid_client",
            Some(
                "This application is not connected to that account, or that account does not exist."
            )
        ))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "api_error", Some("An unknown error occurred")),
    token_refusal: refused(
        200,
        "invalid_grant",
        Some("This authorization code has already been used. All tokens issued with this code have been revoked."),
    ),
}

identity_faults! {
    client(),
    identity_down: refused(500, "api_error", Some("An unknown error occurred")),
    identity_refusal: refused(200, "invalid_request_error", Some("Invalid API Key provided")),
}
