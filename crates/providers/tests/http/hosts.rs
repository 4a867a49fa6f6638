//! Where a provider's own words may lead.

use keyway_providers::ProviderError;

use crate::origin::{Does, Origin, answer, client, fails, json, provider};

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Origin::start(vec![Does::Answer(crate::origin::tokens())]).await;
    let location = format!("location: {}/token", elsewhere.url());
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let redirect = Does::Answer(answer(status, &[&location], b""));
        let origin = Origin::start(vec![redirect]).await;
        let provider = provider(&format!("{}/token", origin.url()), "");
        fails(&provider, &client(&["127.0.0.1"])).await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// How an identity call fails whose URL is the one that the token answer gave.
async fn led_to(url: &str) -> ProviderError {
    let tokens = serde_json::json!({"access_token": "a", "id": "account", "instance_url": url});
    let origin = Origin::start(vec![Does::Answer(json(&tokens.to_string()))]).await;
    let provider = provider(
        &format!("{}/token", origin.url()),
        r#"
        hosts = ["*.salesforce.com"]
        [[identity]]
        name = "me"
        [identity.request]
        url = "{token.instance_url}/me"
        "#,
    );
    fails(&provider, &client(&["127.0.0.1"])).await
}

#[tokio::test]
async fn a_providers_answer_leads_to_its_own_hosts_alone() {
    let why = "{token.instance_url}/me leads to a host that the definition does not allow";
    for url in [
        "https://evil.example",
        "https://salesforce.com",
        "https://acme.salesforce.com.evil.example",
        "https://acme.salesforce.com@evil.example",
        "https://user@acme.salesforce.com",
        "https://evil.example/.salesforce.com",
        "https://evil.example#.salesforce.com",
        "https://evil.example\\.salesforce.com",
        "http://acme.salesforce.com",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "https://",
    ] {
        assert_eq!(
            led_to(url).await,
            ProviderError::Unusable(why.into()),
            "{url}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_url_is_refused() {
    let why = "{token.instance_url}/me does not make a URL";
    for url in ["acme.salesforce.com", "//acme.salesforce.com"] {
        assert_eq!(
            led_to(url).await,
            ProviderError::Unusable(why.into()),
            "{url}"
        );
    }
}

/// A token that carries a header of its own.
const INJECTED: &str = r#"{"access_token": "token\r\nx-evil: 1", "id": "account"}"#;

/// An origin that hands that token out, and how its identity call fails.
async fn injected(headers: &str) -> (usize, ProviderError) {
    let origin = Origin::start(vec![Does::Answer(json(INJECTED))]).await;
    let url = origin.url();
    let identity =
        format!("[[identity]]\nname = \"me\"\n[identity.request]\nurl = \"{url}/me\"\n{headers}\n");
    let provider = provider(&format!("{url}/token"), &identity);
    let error = fails(&provider, &client(&["127.0.0.1"])).await;
    (origin.requests(), error)
}

#[tokio::test]
async fn a_token_cannot_add_headers() {
    let why = "a value that header authorization cannot carry";
    assert_eq!(injected("").await, (1, ProviderError::Unusable(why.into())));
}

#[tokio::test]
async fn a_template_cannot_add_headers() {
    let why = "a value that header x-token cannot carry";
    let headers = "authorization = \"none\"\nheaders = { X-Token = \"{access_token}\" }";
    assert_eq!(
        injected(headers).await,
        (1, ProviderError::Unusable(why.into()))
    );
}

#[tokio::test]
async fn a_value_in_a_path_stays_in_its_segment() {
    let tokens = json(r#"{"access_token": "a", "id": "../../admin?x=#y"}"#);
    let origin = Origin::start(vec![Does::Answer(tokens), Does::Close]).await;
    let url = origin.url();
    let identity = format!(
        "[[identity]]\nname = \"me\"\n[identity.request]\nurl = \"{url}/users/{{token.id}}/me\"\n"
    );
    let provider = provider(&format!("{url}/token"), &identity);
    fails(&provider, &client(&["127.0.0.1"])).await;
    let targets = origin.targets();
    assert_eq!(
        targets.last().map(String::as_str),
        Some("/users/..%2F..%2Fadmin%3Fx%3D%23y/me")
    );
}
