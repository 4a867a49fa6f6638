//! Discovery (RFC 8414, OpenID Connect Discovery).

use crate::oauth::client::{Client, answer, text};

#[tokio::test(flavor = "multi_thread")]
async fn both_documents_say_the_same_whatever_host_says() {
    let client = Client::of("linear").await;
    let base = &client.gateway.base;
    let mut seen = Vec::new();
    for path in ["oauth-authorization-server", "openid-configuration"] {
        let url = format!("{base}/.well-known/{path}");
        let request = client
            .gateway
            .request("GET", &url)
            .header("host", "evil.example");
        let found = answer(request).await;
        assert_eq!(found.status, 200);
        seen.push(found.json());
    }
    assert_eq!(seen[0], seen[1]);
    let document = &seen[0];
    assert_eq!(document["issuer"], *base);
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ] {
        let endpoint = text(document, name);
        assert!(endpoint.starts_with(base), "{name}: {endpoint}");
        assert_ne!(client.gateway.get(endpoint).await.status, 404, "{endpoint}");
    }
    let all = document.to_string();
    assert!(!all.contains("\"plain\"") && !all.contains("\"implicit\"") && !all.contains("HS256"));
    assert_eq!(
        document["authorization_response_iss_parameter_supported"],
        true
    );
}
