//! `GET /oauth/authorize`.

use crate::{
    oauth::client::{Client, text},
    support::query,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_comes_back_with_state_and_issuer() {
    let client = Client::of("linear").await;
    for path in ["/oauth/authorize", "/authorize"] {
        let url = client.authorize_url(&client.request(&[]));
        let answer = client.walk(&url.replace("/oauth/authorize", path)).await;
        let query = query(&answer.location());
        assert_eq!(query["state"], "client-state");
        assert_eq!(query["iss"], client.gateway.base);
        assert_eq!(query.len(), 3, "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_flow_says_no_issuer() {
    let client = Client::of("linear").await;
    let answer = client.gateway.connect(&client.app, &[]).await;
    assert!(!query(&answer.location()).contains_key("iss"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proven_is_a_page_and_never_a_redirect() {
    let client = Client::of("linear").await;
    for (name, value, detail) in [
        ("client_id", "", "client_id missing"),
        ("client_id", "x", "client_id is not a UUID"),
        (
            "client_id",
            "00000000-0000-0000-0000-000000000000",
            "client_id unknown",
        ),
        ("redirect_uri", "", "redirect_uri missing"),
        (
            "redirect_uri",
            "https://evil.example/",
            "redirect_uri not registered",
        ),
    ] {
        let url = client.authorize_url(&client.request(&[(name, value)]));
        client.gateway.get(&url).await.assert_page(400, detail);
    }
    for name in ["client_id", "redirect_uri"] {
        let url = client.authorize_url(&client.request(&[]));
        let url = format!("{url}&{name}=x");
        client.gateway.get(&url).await.assert_page(400, "repeated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_faults_go_back_with_state_and_issuer() {
    let client = Client::of("linear").await;
    let long = "n".repeat(513);
    for (more, error, detail) in [
        (
            ("response_type", ""),
            "invalid_request",
            "response_type is missing",
        ),
        (
            ("response_type", "token"),
            "unsupported_response_type",
            "must be code",
        ),
        (
            ("response_type", "code id_token"),
            "unsupported_response_type",
            "must be code",
        ),
        (
            ("response_mode", "fragment"),
            "invalid_request",
            "response_mode",
        ),
        (
            ("request", "e30.e30.e30"),
            "request_not_supported",
            "Request objects",
        ),
        (("prompt", "none"), "interaction_required", "asked"),
        (
            ("resource", "https://other.example"),
            "invalid_target",
            "resource",
        ),
        (
            ("code_challenge_method", "plain"),
            "invalid_request",
            "S256",
        ),
        (("code_challenge_method", ""), "invalid_request", "S256"),
        (
            ("code_challenge", "short"),
            "invalid_request",
            "code_challenge",
        ),
        (("nonce", long.as_str()), "invalid_request", "nonce"),
        (("dpop_jkt", "short"), "invalid_request", "dpop_jkt"),
        (("scope", "a\"b"), "invalid_scope", "scope"),
    ] {
        let url = client.authorize_url(&client.request(&[more]));
        let answer = client.gateway.get(&url).await;
        answer.assert_error_redirect(error, Some("client-state"), detail);
        assert_eq!(query(&answer.location())["iss"], client.gateway.base);
    }
    let url = client.authorize_url(&client.request(&[("x", "1")]));
    let answer = client.gateway.get(&format!("{url}&x=2")).await;
    answer.assert_error_redirect("invalid_request", Some("client-state"), "x is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_end_user_goes_back_with_the_issuer() {
    let client = Client::of("linear").await;
    let begun = client
        .gateway
        .get(&client.authorize_url(&client.request(&[])))
        .await;
    let callback = client.gateway.lab.deny(begun.location().as_str()).await;
    let callback = callback.expect("a refusal");
    let answer = client
        .gateway
        .get_with(&callback.url, &begun.cookie())
        .await;
    answer.assert_error_redirect("access_denied", Some("client-state"), "access_denied");
    assert_eq!(query(&answer.location())["iss"], client.gateway.base);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_of_our_own_are_not_the_providers() {
    let client = Client::of("linear").await;
    let asked = async |scope: &str| {
        let url = client.authorize_url(&client.request(&[("scope", scope)]));
        let begun = client.gateway.get(&url).await;
        query(&begun.location())["scope"].clone()
    };
    assert_eq!(asked("openid offline_access").await, "read");
    assert_eq!(asked("openid read write").await, "read,write");
    let google = Client::of("google").await;
    let url = google.authorize_url(&google.request(&[("scope", "openid email")]));
    let begun = google.gateway.get(&url).await;
    let scope = query(&begun.location())["scope"].clone();
    assert!(scope.split(' ').any(|word| word == "openid"), "{scope}");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_come_as_at_the_other_door() {
    let client = Client::of("shopify").await;
    let request = client.request(&[("param.shop", "acme.myshopify.com")]);
    let answer = client.walk(&client.authorize_url(&request)).await;
    let code = query(&answer.location())["code"].clone();
    let answer = client.send("/oauth/token", client.redemption(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    assert_eq!(text(&answer.json(), "provider"), "shopify");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_needs_pkce() {
    let settings = json!({"token_endpoint_auth_methods": ["none"]});
    let client = Client::with("linear", settings).await;
    let more = [("code_challenge", ""), ("code_challenge_method", "")];
    let url = client.authorize_url(&client.request(&more));
    let answer = client.gateway.get(&url).await;
    answer.assert_error_redirect("invalid_request", Some("client-state"), "needs PKCE");
    assert!(client.code(&[]).await.len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_and_prefetches_begin_nothing() {
    let client = Client::of("linear").await;
    let url = client.authorize_url(&client.request(&[]));
    let head = client
        .gateway
        .request("HEAD", &url)
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    let prefetch = client
        .gateway
        .request("GET", &url)
        .header("sec-purpose", "prefetch");
    assert_eq!(prefetch.send().await.expect("an answer").status(), 425);
    let flows = client
        .gateway
        .sql("SELECT count(*) FROM authorization_sessions")
        .await;
    assert_eq!(flows, ["0"]);
}
