//! From a URL to a definition, and what of a stranger's documents goes no further.

mod hostile;
mod register;
mod resource;

use chrono::NaiveDate;
use keyway_domain::provider::ProviderSlug;
use keyway_providers::{
    Provider,
    definition::ClientAuthentication,
    discover::{Discovered, DiscoveryError, Method, Wishes, discover},
};
use serde_json::{Value, json};

use crate::origin::{Does, Origin, answer, client, json as answered};

fn wishes() -> Wishes {
    Wishes {
        slug: Some(ProviderSlug::parse("own").expect("a slug")),
        client_authentication: None,
        dpop: false,
        checked: NaiveDate::from_ymd_opt(2026, 11, 27).expect("a day"),
    }
}

/// What a good server says, with these members changed; null takes one away.
fn server(issuer: &str, changes: &Value) -> Value {
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "code_challenge_methods_supported": ["S256"],
    });
    changed(document, changes)
}

fn changed(mut document: Value, changes: &Value) -> Value {
    let changes = changes.as_object().expect("an object").clone();
    document.as_object_mut().expect("an object").extend(changes);
    document
}

fn missing() -> Does {
    Does::Answer(answer("404 Not Found", &[], b"{}"))
}

fn said(document: &Value) -> Does {
    Does::Answer(answered(&document.to_string()))
}

/// Answers by the path that was asked for: an origin whose own address stands in its documents.
async fn at(documents: impl FnOnce(&str) -> Vec<Does>) -> (Origin, String) {
    // The address is known only when the port is, and the script before: so bind twice.
    let first = Origin::start(vec![Does::Close]).await;
    let mut address = first.address;
    address.set_ip([127, 0, 0, 2].into());
    let url = format!("http://{address}");
    let origin = Origin::start_at(address, documents(&url)).await;
    (origin.expect("a port"), url)
}

async fn discovered(url: &str, wishes: &Wishes) -> Result<Discovered, DiscoveryError> {
    let found = discover(&client(&["127.0.0.2"]), url, wishes).await;
    if let Ok(found) = &found {
        Provider::read(found.slug.as_str(), &found.text).expect("a definition that lints");
    }
    found
}

fn provider(found: &Discovered) -> Provider {
    let mut read = Provider::read(found.slug.as_str(), &found.text).expect("a definition");
    read.remove(0)
}

#[tokio::test]
async fn a_plain_server_becomes_a_plain_definition() {
    let (origin, url) = at(|url| vec![missing(), said(&server(url, &json!({})))]).await;
    let found = discovered(&url, &wishes()).await.expect("a definition");
    assert_eq!(
        origin.targets(),
        [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server"
        ]
    );
    let expected = format!(
        r#"# Written by `keyway providers discover {url}`: what the server says of itself.
name = "127.0.0.2"
category = "identity"
documentation = "https://www.rfc-editor.org/rfc/rfc8414"
checked = "2026-11-27"
certainty = "single"

[authorize]
url = "https://as.example/authorize"
pkce = "supported"

[callback]
issuer = "{url}"

[token]
url = "https://as.example/token"
client_authentication = "basic"
"#
    );
    assert_eq!(found.text, expected);
}

#[tokio::test]
async fn all_that_a_server_offers_is_used() {
    let changes = json!({
        "scopes_supported": ["profile", "offline_access", "email", "openid"],
        "pushed_authorization_request_endpoint": "https://as.example/par",
        "require_pushed_authorization_requests": true,
        "revocation_endpoint": "https://as.example/revoke",
        "userinfo_endpoint": "https://as.example/me",
        "jwks_uri": "https://as.example/jwks",
        "id_token_signing_alg_values_supported": ["HS256", "none", "ES256", "RS256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "dpop_signing_alg_values_supported": ["RS256", "ES256"],
        "authorization_response_iss_parameter_supported": true,
        "service_documentation": "https://as.example/docs",
    });
    let (_origin, url) = at(|url| vec![said(&server(url, &changes)), missing()]).await;
    let asked = Wishes {
        dpop: true,
        ..wishes()
    };
    let found = discovered(&url, &asked).await.expect("a definition");
    let (_, text) = found.text.split_once("documentation").expect("there");
    let expected = format!(
        r#" = "https://as.example/docs"
checked = "2026-11-27"
certainty = "single"

[authorize]
url = "https://as.example/authorize"
par = "https://as.example/par"
pkce = "supported"
default_scopes = ["openid", "email", "offline_access"]
# Without it there is no refresh token (OpenID Connect Core section 11).
parameters = {{ prompt = "consent" }}

[callback]
issuer = "{url}"
issuer_required = true

[token]
url = "https://as.example/token"
client_authentication = "private_key_jwt"
client_assertion = {{ audience = "{url}" }}
dpop = true

[refresh]

[revoke]
method = "POST"
url = "https://as.example/revoke"
authorization = "client"
form = {{ token = "{{refresh_or_access_token}}" }}

[id_token]
jwks_url = "https://as.example/jwks"
algorithms = ["RS256", "ES256"]

[[identity]]
name = "me"
request = {{ url = "https://as.example/me" }}

[credential]
external_id = ["id_token.sub"]
external_label = ["identity.me.email", "identity.me.preferred_username", "identity.me.name"]
"#
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn tokens_are_bound_where_that_is_wished() {
    let changes = json!({"dpop_signing_alg_values_supported": ["ES256"]});
    for dpop in [true, false] {
        let (_origin, url) = at(|url| vec![said(&server(url, &changes)), missing()]).await;
        let asked = Wishes { dpop, ..wishes() };
        let found = discovered(&url, &asked).await.expect("a definition");
        assert_eq!(provider(&found).definition.binds_tokens(), dpop);
    }
}

#[tokio::test]
async fn what_one_document_lacks_the_other_fills() {
    let more = json!({
        "token_endpoint": "https://as.example/another",
        "revocation_endpoint": "https://as.example/revoke",
        "grant_types_supported": ["authorization_code", "refresh_token"],
    });
    let (_origin, url) =
        at(|url| vec![said(&server(url, &json!({}))), said(&server(url, &more))]).await;
    let found = provider(&discovered(&url, &wishes()).await.expect("a definition"));
    let definition = found.definition;
    let token = definition.token.expect("there").url.to_string();
    assert_eq!(token, "https://as.example/token");
    assert!(definition.revoke.is_some() && definition.refresh.is_some());
}

#[tokio::test]
async fn a_method_is_chosen_by_order_or_by_wish() {
    let order = [
        ("client_secret_basic", ClientAuthentication::Basic),
        ("client_secret_post", ClientAuthentication::Post),
        ("private_key_jwt", ClientAuthentication::PrivateKeyJwt),
        ("none", ClientAuthentication::None),
    ];
    for (first, (_, expected)) in order.iter().enumerate() {
        let mut names: Vec<&str> = order.iter().skip(first).map(|(name, _)| *name).collect();
        names.reverse();
        names.push("self_signed_tls_client_auth");
        let changes = json!({"token_endpoint_auth_methods_supported": names});
        let (_origin, url) = at(|url| vec![said(&server(url, &changes)), missing()]).await;
        let found = provider(&discovered(&url, &wishes()).await.expect("a definition"));
        let token = found.definition.token.expect("there");
        assert_eq!(token.client_authentication, *expected);
    }
    let changes = json!({"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]});
    for (method, is_offered) in [
        (Method::None, true),
        (Method::ClientSecretPost, false),
        (Method::TlsClientAuth, false),
    ] {
        let (_origin, url) = at(|url| vec![said(&server(url, &changes)), missing()]).await;
        let asked = Wishes {
            client_authentication: Some(method),
            ..wishes()
        };
        let found = discovered(&url, &asked).await;
        assert_eq!(found.is_ok(), is_offered, "{method:?}: {found:?}");
    }
}
