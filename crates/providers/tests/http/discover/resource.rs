//! From a resource, such as an MCP server, to its authorization server (RFC 9728).

use keyway_providers::discover::{Method, Wishes};
use serde_json::{Value, json};

use super::{at, changed, discovered, missing, provider, said, server, wishes};
use crate::origin::Origin;

/// A resource at `/mcp`: no server there, but a document of the resource, and the server at the root.
async fn resource(changes: Value, of_server: Value) -> (Origin, String) {
    let (origin, url) = at(|url| {
        let document = json!({
            "resource": format!("{url}/mcp"),
            "authorization_servers": [url, "https://other.example"],
            "scopes_supported": ["tools:read", "tools:call"],
            "resource_name": "Tools",
        });
        let document = changed(document, &changes);
        let server = server(url, &of_server);
        vec![
            missing(),
            missing(),
            said(&document),
            said(&server),
            missing(),
        ]
    })
    .await;
    (origin, format!("{url}/mcp"))
}

#[tokio::test]
async fn a_resource_leads_to_its_server() {
    let offered = json!({"scopes_supported": ["openid"], "userinfo_endpoint": "https://as.example/me",
               "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]});
    let (origin, url) = resource(json!({}), offered).await;
    let found = discovered(&url, &wishes()).await.expect("a definition");
    assert_eq!(
        origin.targets(),
        [
            "/mcp/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ]
    );
    let definition = provider(&found).definition;
    let authorize = definition.authorize.expect("there");
    assert_eq!(authorize.resource.expect("there").to_string(), url);
    assert_eq!(
        authorize.default_scopes,
        ["openid", "tools:read", "tools:call"]
    );
    assert_eq!(found.client_authentication, Method::ClientSecretPost);
    assert_eq!(definition.name, "Tools");
    assert_eq!(definition.api.expect("there").base_url.to_string(), url);
    assert!(
        definition.identity.is_empty(),
        "its tokens are for the resource"
    );
}

#[tokio::test]
async fn a_resource_that_wants_bound_tokens_gets_them() {
    let wants = json!({"dpop_bound_access_tokens_required": true});
    let offered = json!({"dpop_signing_alg_values_supported": ["ES256"]});
    let (_origin, url) = resource(wants.clone(), offered).await;
    let found = discovered(&url, &wishes()).await.expect("a definition");
    assert!(provider(&found).definition.binds_tokens());
    let (_origin, url) = resource(wants, json!({})).await;
    let error = discovered(&url, &wishes()).await.expect_err("refused");
    assert!(error.to_string().contains("RFC 9449"), "{error}");
}

#[tokio::test]
async fn a_resource_is_not_connected_without_pkce() {
    for silent in [
        json!({"code_challenge_methods_supported": null}),
        json!({"code_challenge_methods_supported": ["plain"]}),
    ] {
        let (_origin, url) = resource(json!({}), silent).await;
        let error = discovered(&url, &wishes()).await.expect_err("refused");
        assert!(error.to_string().contains("must offer PKCE"), "{error}");
    }
}

#[tokio::test]
async fn what_a_resource_must_not_say_is_refused() {
    for (changes, words) in [
        (
            json!({"resource": "https://bank.example/api"}),
            "is of the resource",
        ),
        (json!({"resource": null}), "names no resource"),
        (
            json!({"authorization_servers": []}),
            "names no authorization server",
        ),
        (
            json!({"authorization_servers": ["http://as.example"]}),
            "must be https",
        ),
        (
            json!({"authorization_servers": ["https://192.168.0.1"]}),
            "not a public address",
        ),
        (
            json!({"scopes_supported": ["two words"]}),
            "the resource's scopes",
        ),
        (json!({"scopes_supported": "all"}), "cannot be read"),
    ] {
        let (_origin, url) = resource(changes, json!({})).await;
        let error = discovered(&url, &wishes()).await.expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
    }
    let many: Vec<String> = (0..200).map(|number| format!("s{number}")).collect();
    let (_origin, url) = resource(json!({"scopes_supported": many}), json!({})).await;
    let error = discovered(&url, &wishes()).await.expect_err("refused");
    assert!(error.to_string().contains("more than 100"), "{error}");
}

#[tokio::test]
async fn without_a_slug_the_url_makes_one() {
    let offered = json!({});
    let (_origin, url) = resource(json!({}), offered).await;
    let asked = Wishes {
        slug: None,
        ..wishes()
    };
    let found = discovered(&url, &asked).await.expect("a definition");
    let slug = found.slug.as_str();
    assert!(
        slug.starts_with("127-0-0-2-") && slug.ends_with("-mcp"),
        "{slug}"
    );
}
