//! What of a stranger's documents goes no further.

use keyway_providers::discover::{Wishes, discover};
use serde_json::{Value, json};

use super::{at, discovered, missing, said, server, wishes};
use crate::origin::{Does, answer, client};

/// How a server whose document has these changes is refused.
async fn refused(changes: Value) -> String {
    let (_origin, url) = at(|url| vec![said(&server(url, &changes)), missing()]).await;
    let error = discovered(&url, &wishes()).await.expect_err("refused");
    error.to_string()
}

#[tokio::test]
async fn what_a_server_cannot_do_is_said() {
    for (changes, words) in [
        (
            json!({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}),
            "prove themselves by \"tls_client_auth\"",
        ),
        (
            json!({"token_endpoint_auth_methods_supported": ["none"],
                   "code_challenge_methods_supported": ["plain"]}),
            "needs PKCE with S256",
        ),
        (
            json!({"response_types_supported": ["token"]}),
            "no authorization codes",
        ),
        (
            json!({"grant_types_supported": ["password"]}),
            "no authorization codes",
        ),
        (
            json!({"require_pushed_authorization_requests": true}),
            "it does not say where",
        ),
        (
            json!({"authorization_endpoint": null}),
            "has no authorization_endpoint",
        ),
        (json!({"token_endpoint": null}), "has no token_endpoint"),
        (json!({"issuer": null}), "has no issuer"),
    ] {
        let error = refused(changes).await;
        assert!(error.contains(words), "{error}");
    }
    let (_origin, url) = at(|url| vec![said(&server(url, &json!({}))), missing()]).await;
    let asked = Wishes {
        dpop: true,
        ..wishes()
    };
    let error = discovered(&url, &asked).await.expect_err("refused");
    assert!(error.to_string().contains("RFC 9449"), "{error}");
}

/// Names are compared byte for byte (RFC 8414 section 3.3).
#[tokio::test]
async fn another_issuers_document_is_refused() {
    for other in ["https://as.example", "/", "x", " "] {
        let (_origin, url) = at(|url| {
            let name = if other.len() > 1 {
                other.to_owned()
            } else {
                format!("{url}{other}")
            };
            vec![said(&server(&name, &json!({}))), missing()]
        })
        .await;
        let error = discovered(&url, &wishes()).await.expect_err("refused");
        let error = error.to_string();
        assert!(error.contains("its issuer is"), "{other}: {error}");
    }
}

#[tokio::test]
async fn endpoints_that_lead_elsewhere_are_refused() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "registration_endpoint",
    ] {
        for (value, words) in [
            (json!("http://as.example/x"), "must be https"),
            (json!("javascript:alert(1)"), "must be https"),
            (json!("https://user@as.example/x"), "a user or a password"),
            (json!("https://as.example/x#y"), "a fragment"),
            (json!("https://as.example/{client_secret}"), "a character"),
            (json!("https://as.example/\nx = 1"), "a character"),
            (json!("https://10.0.0.1/x"), "not a public address"),
            (json!("https://[::1]/x"), "not a public address"),
            (json!("https://169.254.169.254/x"), "not a public address"),
            (json!("http://127.0.0.1:1/x"), "not a public address"),
            (json!("/x"), "is no URL"),
            (json!(7), "is no text"),
        ] {
            let error = refused(json!({name: value})).await;
            assert!(error.contains(name) && error.contains(words), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let large = vec![b' '; 10 * 1024 * 1024];
    let redirect = ["location: https://as.example/"];
    for (first, words) in [
        (answer("200 OK", &[], &large), "is larger than"),
        (
            answer("302 Found", &redirect, b""),
            "redirects are not followed",
        ),
        (answer("200 OK", &[], b"<html>"), "is no JSON object"),
        (answer("200 OK", &[], b"[]"), "is no JSON object"),
        (answer("503 Busy", &[], b"{}"), "answered 503"),
        (
            answer("404 Not Found", &[], b"{}"),
            "does not describe itself",
        ),
    ] {
        let (_origin, url) = at(|_| vec![Does::Answer(first), missing()]).await;
        let error = discovered(&url, &wishes()).await.expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_private_address_is_not_asked() {
    let (origin, url) = at(|url| vec![said(&server(url, &json!({})))]).await;
    let error = discover(&client(&[]), &url, &wishes()).await;
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("not a public address"), "{error}");
    assert_eq!(origin.connections(), 0);
}
