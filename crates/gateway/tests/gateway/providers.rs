//! Each of the first providers, from start to credential, against the lab; and what becomes of
//! their failures.

use std::time::Duration;

use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::support::{Gateway, query};

const LIVE: &str = "<live access token>";
const LIVE_REFRESH: &str = "<live refresh token>";

/// A whole flow; the credential's properties, with live tokens named rather than shown.
async fn connected(provider: &str, parameters: &[(&str, &str)]) -> Value {
    let gateway = Gateway::start().await;
    let app = gateway.register(provider).await;
    let code = gateway.code(&app, parameters).await;
    let answer = gateway.redeem(&app, &code).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    let mut properties = answer.json()["credential"]["properties"].clone();
    for value in properties.as_object_mut().expect("an object").values_mut() {
        let Some(text) = value.as_str() else { continue };
        let is_one = |tokens: Vec<keyway_testkit::lab::IssuedToken>| {
            tokens.iter().any(|token| token.token == text && token.live)
        };
        if is_one(gateway.lab.access_tokens(provider)) {
            *value = json!(LIVE);
        } else if is_one(gateway.lab.refresh_tokens(provider)) {
            *value = json!(LIVE_REFRESH);
        }
    }
    properties
}

mod yields_exactly_the_documented_properties {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn airtable() {
        let expected = json!({
            "kind": "airtable_oauth2",
            "airtable_uid": "usrL2PNC5o3H4lBEi",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T09:00:00Z",
            "scope": "data.records:read schema.bases:read user.email:read",
        });
        assert_eq!(connected("airtable", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn github() {
        let expected = json!({
            "kind": "github_oauth2",
            "access_token": LIVE,
            "scope": "read:user user:email",
            "github_user_id": 1,
            "github_login": "octocat",
            "name": "monalisa octocat",
            "email": "octocat@github.com",
        });
        assert_eq!(connected("github", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn google() {
        let expected = json!({
            "kind": "google_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T08:59:59Z",
            "scope": "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile",
            "google_user_id": "10769150350006150715113082367",
            "name": "Example User",
            "email": "user@example.com",
        });
        assert_eq!(connected("google", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hubspot() {
        let expected = json!({
            "kind": "hubspot_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T08:30:00Z",
            "hub_id": 62515,
            "hub_domain": "acme.com",
            "scopes": ["oauth"],
        });
        assert_eq!(connected("hubspot", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn linear() {
        let expected = json!({
            "kind": "linear_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-16T07:59:59Z",
            "scope": "read",
            "linear_org_id": "abc123",
            "linear_org_name": "Arrakis Inc.",
        });
        assert_eq!(connected("linear", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn quickbooks() {
        let expected = json!({
            "kind": "quickbooks_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T09:00:00Z",
            "realm_id": "4620816365160000000",
            "environment": "production",
            "company_name": "Sandbox Company_US_1",
        });
        assert_eq!(connected("quickbooks", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn salesforce() {
        let expected = json!({
            "kind": "salesforce_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "scope": "api refresh_token openid",
            "instance_url": "https://acme.my.salesforce.com",
            "salesforce_org_id": "00Dx0000000BV7zEAG",
            "salesforce_user_id": "005x00000012Q9PAAU",
            "id_url": "https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU",
            "login_host": "login.salesforce.com",
            "sandbox": false,
        });
        assert_eq!(connected("salesforce", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn shopify() {
        let expected = json!({
            "kind": "shopify_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T09:00:00Z",
            "scope": "read_products",
            "shop": "acme.myshopify.com",
        });
        assert_eq!(
            connected("shopify", &[("param.shop", "acme.myshopify.com")]).await,
            expected
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn slack() {
        let expected = json!({
            "kind": "slack_oauth2",
            "access_token": LIVE,
            "scope": "users:read",
            "slack_team_id": "T9TK3CUKW",
            "slack_team_name": "Slack Softball Team",
            "slack_app_id": "A0KRD7HC3",
            "slack_user_id": "U1234",
            "bot_user_id": "U0KRQLJ9H",
            "is_enterprise_install": false,
        });
        assert_eq!(connected("slack", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn snyk() {
        let expected = json!({
            "kind": "snyk_oauth2",
            "access_token": LIVE,
            "refresh_token": LIVE_REFRESH,
            "expires_at": "2027-01-15T08:59:59Z",
            "scope": "org.read org.project.read org.project.snapshot.read",
            "bot_id": "95233fa3-33cf-4dd3-a6ac-e040985e1a4f",
            "region": "us-01",
            "org_ids": ["59d6d97e-3106-4ebb-b608-352fad9c5b34", "1fe9cf59-8cd5-4ca9-a3fa-5b2a7a1cb2c5"],
        });
        assert_eq!(connected("snyk", &[]).await, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stripe() {
        let expected = json!({
            "kind": "stripe_oauth2",
            "secret": LIVE,
            "refresh_token": LIVE_REFRESH,
            "test": true,
            "name": "Acme",
            "stripe_user_id": "acct_1032D82eZvKYlo2C",
            "publishable_key": "pk_test_publishable",
            "scope": "read_only",
        });
        assert_eq!(connected("stripe", &[]).await, expected);
    }
}

/// The flow log's last entry: step, error, and the provider's words.
async fn last_failure(gateway: &Gateway) -> (String, String, String) {
    let flows = gateway
        .app
        .store
        .list_flows(gateway.account, None, 1)
        .await
        .expect("the log");
    let flow = flows.into_iter().next().expect("a flow");
    let text = |value: Option<String>| value.unwrap_or_default();
    (
        text(flow.failed_step),
        text(flow.error),
        text(flow.error_detail),
    )
}

/// Every failure of a provider ends as section 2.2 of the contract says, and stands in the flow log
/// with the provider's own words.
async fn failures(provider: &str, parameters: &[(&str, &str)], words_at_200: &str) {
    let gateway = Gateway::start_within(Duration::from_millis(400)).await;
    let app = gateway.register(provider).await;
    let all: Vec<(&str, &str)> = [("state", "s")]
        .into_iter()
        .chain(parameters.iter().copied())
        .collect();

    let begun = gateway.begin(&app, &all).await;
    match gateway.lab.deny(&begun.authorize_url).await {
        Ok(callback) => {
            let answer = gateway.get_with(&callback.url, &begun.cookie).await;
            answer.assert_error_redirect("access_denied", Some("s"), "access_denied");
            let (step, error, words) = last_failure(&gateway).await;
            assert_eq!(
                (step.as_str(), error.as_str()),
                ("callback", "access_denied")
            );
            assert!(
                words.starts_with(&callback.parameter("error").expect("an error")),
                "{words}"
            );
        }
        // A merchant who cancels stays at Shopify: there is no callback.
        Err(page) => assert_eq!((provider, page.status), ("shopify", 200)),
    }

    for (fault, error, words) in [
        (
            Fault::Status(500),
            "temporarily_unavailable",
            "the provider answered 500",
        ),
        (
            Fault::Slow(Duration::from_secs(3)),
            "temporarily_unavailable",
            "did not answer within",
        ),
        (Fault::Garbage, "server_error", "neither JSON nor a form"),
        (
            Fault::Huge(10 * 1024 * 1024),
            "server_error",
            "larger than 1048576 bytes",
        ),
        (Fault::OkWithError, "server_error", words_at_200),
    ] {
        gateway.clock.advance(chrono::TimeDelta::milliseconds(5));
        gateway.lab.fail_once(provider, Endpoint::Token, fault);
        let answer = gateway.connect(&app, &all).await;
        answer.assert_error_redirect(error, Some("s"), words);
        assert!(
            !query(&answer.location())["error_description"].contains(words_at_200),
            "not for the client"
        );
        let (step, logged, detail) = last_failure(&gateway).await;
        assert_eq!((step.as_str(), logged.as_str()), ("exchange", error));
        assert!(detail.contains(words), "{detail}");
    }
    let code = gateway.code(&app, parameters).await;
    assert_eq!(
        gateway.redeem(&app, &code).await.status,
        200,
        "the next flow works"
    );
}

mod failures_end_as_documented {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn airtable() {
        failures("airtable", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn github() {
        failures("github", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn google() {
        failures("google", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hubspot() {
        failures("hubspot", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn linear() {
        failures("linear", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn quickbooks() {
        failures("quickbooks", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn salesforce() {
        failures("salesforce", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn shopify() {
        failures(
            "shopify",
            &[("param.shop", "acme.myshopify.com")],
            "the provider answered 200",
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn slack() {
        failures("slack", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn snyk() {
        failures("snyk", &[], "the provider answered 200").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stripe() {
        failures("stripe", &[], "the provider answered 200").await;
    }
}
