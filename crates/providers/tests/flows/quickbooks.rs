//! QuickBooks Online.

use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, identity_faults, refused, token_faults},
    support::{Client, parse},
};

async fn client() -> Client {
    Client::of("quickbooks").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await;
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "quickbooks_oauth2",
            "realm_id": "4620816365160000000",
            "refresh_token": client.refresh_token(),
            "access_token": client.access_token(),
            "expires_at": "2026-11-21T13:00:00Z",
            "environment": "production",
            "company_name": "Sandbox Company_US_1",
        })
    );
}

#[tokio::test]
async fn names_the_company() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("4620816365160000000", Some("Sandbox Company_US_1"))
    );
}

#[tokio::test]
async fn the_sandbox_has_a_host_of_its_own() {
    let client = client().await.variable("environment", "sandbox");
    client.connected().await;
    let calls = client.lab.calls("quickbooks", Endpoint::Identity);
    let hosts: Vec<&str> = calls.iter().map(|call| call.host.as_str()).collect();
    assert_eq!(hosts, ["sandbox-quickbooks.api.intuit.com"]);
}

#[tokio::test]
async fn tells_when_the_refresh_token_ends() {
    let tokens = client().await.connect().await.expect("a grant").tokens;
    let ends = tokens.refresh_expires_at.expect("an end");
    assert_eq!(ends.to_rfc3339(), "2027-03-02T12:00:00+00:00");
}

/// How a flow ends if the browser brings another company.
async fn with_realm(realm: &str) -> (Stage, ProviderError) {
    let client = client().await;
    let started = client.start();
    let parameters = client.approved(&started).await;
    let code = parameters.get("code").expect("a code");
    let edited = parse(&format!("code={code}{realm}"));
    client
        .complete(&started, &edited)
        .await
        .expect_err("refused")
}

#[tokio::test]
async fn a_company_that_the_tokens_are_not_for_is_refused() {
    assert_eq!(
        with_realm("&realmId=1").await,
        (
            Stage::Identity,
            refused(
                403,
                "3100",
                Some("message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403")
            )
        )
    );
}

#[tokio::test]
async fn a_company_is_digits() {
    let why = "callback parameter realmId has another form";
    for realm in ["1/../2", "1%2F2", "abc", "1%3Fx", "123456789012345678901"] {
        assert_eq!(
            with_realm(&format!("&realmId={realm}")).await,
            (Stage::Exchange, ProviderError::Malformed(why.into())),
            "{realm}"
        );
    }
}

#[tokio::test]
async fn a_callback_names_a_company() {
    let why = "callback parameter realmId is missing";
    assert_eq!(
        with_realm("").await,
        (Stage::Exchange, ProviderError::Malformed(why.into()))
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
        Err(refused(
            400,
            "invalid_grant",
            Some("Incorrect or invalid refresh token")
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
    token_refusal: refused(200, "invalid_grant", Some("Token invalid")),
}

identity_faults! {
    client(),
    identity_down: faults::status(500, PAGE),
    identity_refusal: refused(
        200,
        "3200",
        Some("message=AuthenticationFailed; errorCode=003200; statusCode=401"),
    ),
}

/// Intuit documents no body for its own failures.
const PAGE: &str =
    "<!doctype html><html><body><h1>Something went wrong on our side</h1></body></html>";
