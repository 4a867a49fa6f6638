//! Clients of one's own making (RFC 7591).

use keyway_domain::random::OsRandom;
use keyway_providers::{
    definition::ClientAuthentication,
    discover::{Discovered, DiscoveryError, Registered, Registration, Wishes},
};
use serde_json::{Value, json};

use super::{at, discovered, missing, provider, said, server, wishes};
use crate::origin::{Does, Origin, answer, client};

const CALLBACK: &str = "https://keyway.example/link/oauth2/callback/own";

/// A server that registers clients, by this method, and answers a registration so.
async fn registering(methods: &[&str], answer: Does) -> (Origin, Discovered) {
    let (origin, url) = at(|url| {
        let changes = json!({
            "registration_endpoint": format!("{url}/register"),
            "token_endpoint_auth_methods_supported": methods,
            "grant_types_supported": ["authorization_code", "refresh_token"],
        });
        vec![said(&server(url, &changes)), missing(), answer]
    })
    .await;
    let asked = Wishes {
        client_authentication: methods.first().map(|name| name.parse().expect("a method")),
        ..wishes()
    };
    let found = discovered(&url, &asked).await.expect("a definition");
    (origin, found)
}

async fn registered(found: &Discovered) -> Result<Registered, DiscoveryError> {
    let asked = Registration {
        name: "Acme",
        redirect_uri: CALLBACK,
    };
    found
        .register(&client(&["127.0.0.2"]), asked, &OsRandom)
        .await
}

async fn register(found: &Discovered) -> Result<(String, String), DiscoveryError> {
    let made = registered(found).await?;
    assert!(!format!("{made:?}").contains(made.client_secret.expose()));
    Ok((made.client_id, made.client_secret.expose().clone()))
}

fn created(body: &Value) -> Does {
    let headers = ["content-type: application/json"];
    Does::Answer(answer("201 Created", &headers, body.to_string().as_bytes()))
}

#[tokio::test]
async fn a_client_registers_itself() {
    let body =
        json!({"client_id": "c-1", "client_secret": "the secret", "client_secret_expires_at": 0});
    let (origin, found) = registering(&["client_secret_post"], created(&body)).await;
    let made = register(&found).await.expect("a client");
    assert_eq!(made, ("c-1".into(), "the secret".into()));
    let seen = origin.seen().pop().expect("a request");
    assert_eq!(seen.target(), "/register");
    let sent: Value = serde_json::from_str(&seen.body).expect("JSON");
    let expected = json!({
        "client_name": "Acme",
        "redirect_uris": [CALLBACK],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_key_is_made_and_half_of_it_is_sent() {
    let (origin, found) =
        registering(&["private_key_jwt"], created(&json!({"client_id": "c-1"}))).await;
    let (_, key) = register(&found).await.expect("a client");
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let seen = origin.seen().pop().expect("a request");
    let sent: Value = serde_json::from_str(&seen.body).expect("JSON");
    let sent = &sent["jwks"]["keys"][0];
    assert_eq!((&sent["crv"], &sent["d"]), (&json!("P-256"), &Value::Null));
    let own = provider(&found);
    let own = own.public_keys(&key.into(), &std::collections::BTreeMap::new());
    let own = own.expect("a key").expect("some");
    assert_eq!(
        serde_json::to_value(&own.keys[..1]).expect("JSON")[0],
        *sent
    );
}

#[tokio::test]
async fn the_definition_follows_what_the_server_made() {
    let body = json!({"client_id": "c-1", "client_secret": "the secret",
                      "token_endpoint_auth_method": "client_secret_basic"});
    let methods = ["client_secret_post", "client_secret_basic"];
    for (offered, is_good) in [(&methods[..], true), (&methods[..1], false)] {
        let (_origin, found) = registering(offered, created(&body)).await;
        let made = registered(&found).await;
        assert_eq!(made.is_ok(), is_good, "{made:?}");
        if let Ok(made) = made {
            let token = provider(&made.discovered).definition.token;
            let method = token.expect("there").client_authentication;
            assert_eq!(method, ClientAuthentication::Basic);
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_fit_is_refused() {
    let refusal = json!({"error": "invalid_redirect_uri", "error_description": "not\nthat"});
    let refusal = answer("400 Bad Request", &[], refusal.to_string().as_bytes());
    for (does, words) in [
        (Does::Answer(refusal), "400 invalid_redirect_uri: not that"),
        (
            Does::Answer(answer("401 No", &[], b"<p>")),
            "401 without JSON",
        ),
        (
            created(&json!({"client_secret": "the secret"})),
            "no client_id",
        ),
        (created(&json!({"client_id": "c-1"})), "no client_secret"),
        (
            created(&json!({"client_id": "c", "client_secret": "the secret",
                            "token_endpoint_auth_method": "none"})),
            "proves itself by \"none\"",
        ),
        (
            created(&json!({"client_id": "c", "client_secret": "the secret",
                            "redirect_uris": ["https://evil.example"]})),
            "may not use Keyway's callback URL",
        ),
        (
            created(&json!({"client_id": "c", "client_secret": "the secret",
                            "client_secret_expires_at": 1_900_000_000})),
            "secret expires",
        ),
    ] {
        let (_origin, found) = registering(&["client_secret_post"], does).await;
        let error = register(&found).await.expect_err("refused").to_string();
        assert!(
            error.contains(words) && !error.contains("the secret"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_without_registration_is_told_so() {
    let (_origin, url) = at(|url| vec![said(&server(url, &json!({}))), missing()]).await;
    let found = discovered(&url, &wishes()).await.expect("a definition");
    let error = register(&found).await.expect_err("refused").to_string();
    assert!(error.contains("does not let clients register"), "{error}");
}
