//! GitHub, as an OAuth app.

use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("github").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "github_oauth2",
            "access_token": client.access_token(),
            "scope": "read:user user:email",
            "github_user_id": 1,
            "github_login": "octocat",
            "name": "monalisa octocat",
            "email": "octocat@github.com",
        })
    );
}

#[tokio::test]
async fn names_the_user_by_number() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("1", Some("octocat"))
    );
}

#[tokio::test]
async fn access_does_not_end_by_itself() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    assert_eq!(tokens.expires_at, None);
}

#[tokio::test]
async fn another_verifier_is_refused_at_status_200() {
    let client = client().await;
    let started = client.start();
    let parameters = client.approved(&started).await;
    let other = client.start();
    assert_eq!(
        client
            .complete(&other, &parameters)
            .await
            .expect_err("refused"),
        (
            Stage::Exchange,
            refused(
                200,
                "bad_verification_code",
                Some("The code passed is incorrect or expired.")
            )
        )
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
async fn revokes_this_token_alone() {
    let client = client().await;
    let first = client.connect().await.expect("a grant");
    let second = client.connect().await.expect("a grant");
    client.revoke(&second).await.expect("revoked");
    assert!(client.lab.is_live(first.tokens.access_token.expose()));
}

#[tokio::test]
async fn a_second_revocation_is_told_in_its_words() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    client.revoke(&granted).await.expect("revoked");
    assert_eq!(
        client.revoke(&granted).await,
        Err(faults::status(404, "Not Found"))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: faults::status(500, "<!doctype html><html><body><h1>Unicorn!</h1></body></html>"),
    token_refusal: refused(
        200,
        "bad_verification_code",
        Some("The code passed is incorrect or expired."),
    ),
}

identity_faults! {
    client(),
    identity_down: faults::status(500, "<!doctype html><html><body><h1>Unicorn!</h1></body></html>"),
    identity_refusal: ProviderError::Malformed("nothing in it names the account".into()),
}
