//! Real servers that nobody here wrote, connected by discovery alone: a URL is given, and what is
//! found makes the definition and the client.

use std::{sync::Arc, time::Duration};

use keyway_domain::{
    Clock as _, clock::SystemClock, ids::OauthAppId, provider::ProviderSlug, random::OsRandom,
};
use keyway_providers::{
    Provider,
    address::AddressGuard,
    discover::{Discovered, Method, Registration, Wishes, discover},
    http::{CALL_TIMEOUT, HttpClient, HttpOptions, SystemLookup},
};
use keyway_testkit::{
    clock::ManualClock,
    real::{OidcProvider, PythonServer},
};
use serde_json::{Value, json};
use url::Url;

use crate::{
    backend::{Backend, api_token},
    support::{Answer, Begun, Gateway, TestApp, query},
};

const SLUG: &str = "found";

fn http() -> HttpClient {
    let loopback = "127.0.0.1".parse().expect("an address");
    let options = HttpOptions {
        guard: AddressGuard::new(vec![loopback]),
        lookup: Arc::new(SystemLookup),
        additional_roots: Vec::new(),
        call_timeout: CALL_TIMEOUT,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    };
    HttpClient::new(options).expect("a client")
}

async fn found(url: &str, dpop: bool) -> Discovered {
    let wishes = Wishes {
        slug: Some(ProviderSlug::parse(SLUG).expect("a slug")),
        client_authentication: None,
        dpop,
        checked: SystemClock.now().date_naive(),
    };
    let found = discover(&http(), url, &wishes).await;
    found.expect("a definition")
}

/// A gateway that knows what was found, and a client that registered itself there.
async fn backend(found: &Discovered) -> Backend {
    let definitions = vec![(SLUG, found.text.clone())];
    let now = ManualClock::at(SystemClock.now());
    let gateway = Gateway::start_at(now, Duration::from_secs(10), |_| definitions).await;
    let callback = gateway.app.callback_url(&found.slug);
    let asked = Registration {
        name: "Acme",
        redirect_uri: &callback,
    };
    let client = found.register(&http(), asked, &OsRandom).await;
    let client = client.expect("a client");
    let app = TestApp {
        id: OauthAppId::generate(gateway.clock.now(), &OsRandom),
        provider: SLUG.to_owned(),
        client_id: client.client_id,
        client_secret: client.client_secret.expose().clone(),
    };
    gateway.store(gateway.account, &app, None).await;
    let scopes = "credentials:token,credentials:write,proxy";
    let token = api_token(&gateway, gateway.account, scopes).await;
    Backend {
        gateway,
        app,
        token,
    }
}

/// From what the server sent the browser back with to the credential.
async fn connected(backend: &Backend, begun: &Begun, callback: &Url) -> Value {
    let gateway = &backend.gateway;
    let answer = gateway.get_with(callback.as_str(), &begun.cookie).await;
    assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
    let back = query(&answer.location());
    assert!(back.contains_key("code"), "{back:?} {}", answer.log());
    let answer = gateway.redeem(&backend.app, &back["code"]).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    answer.json()["credential"].clone()
}

/// A refresh that yields another token.
async fn refreshed(backend: &Backend, credential: &Value) {
    let id = credential["id"].as_str().expect("an id");
    let forced = backend.call_as(&backend.token, "GET", id, "token?force=true");
    let forced = forced.await;
    assert_eq!(forced.status, 200, "{forced:?} {}", forced.log());
    let token = forced.json()["access_token"].clone();
    assert_ne!(token, credential["properties"]["access_token"]);
}

async fn proxied(
    backend: &Backend,
    credential: &Value,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let id = credential["id"].as_str().expect("an id");
    let url = format!("{}/v1/proxy/credential/{id}/{path}", backend.gateway.base);
    let request = backend.gateway.request(method, &url);
    let mut request = request
        .bearer_auth(&backend.token)
        .header("accept", "application/json, text/event-stream");
    if let Some(body) = body {
        request = request.json(body);
    }
    Answer::of(request.send().await.expect("an answer")).await
}

async fn deleted(backend: &Backend, credential: &Value) {
    let id = credential["id"].as_str().expect("an id");
    let url = format!("{}/v1/credentials/{id}", backend.gateway.base);
    let request = backend.gateway.request("DELETE", &url);
    let answer = request.bearer_auth(&backend.token).send().await;
    assert!(answer.expect("an answer").status().is_success());
}

/// npm's oidc-provider: requests must be pushed, tokens bound, and clients hold keys.
#[tokio::test(flavor = "multi_thread")]
async fn oidc_provider_at_its_strictest() {
    let options =
        json!({"par": true, "dpop": true, "audience": true, "methods": ["private_key_jwt"]});
    let server = OidcProvider::start(&options).await;
    let found = found(server.issuer(), true).await;
    assert_eq!(found.client_authentication, Method::PrivateKeyJwt);
    let definition = &Provider::read(SLUG, &found.text).expect("good")[0].definition;
    assert!(definition.pushes_requests() && definition.binds_tokens());
    let backend = backend(&found).await;

    let begun = backend.gateway.begin(&backend.app, &[]).await;
    let callback = server.approve(&begun.authorize_url).await;
    assert_eq!(query(&callback)["iss"], server.issuer());
    let credential = connected(&backend, &begun, &callback).await;
    let properties = &credential["properties"];
    assert_eq!(properties["account_id"], "carol");
    assert_eq!(properties["account_name"], "carol@people.example");

    refreshed(&backend, &credential).await;
    let id = credential["id"].as_str().expect("an id");
    let read = backend.read(id.parse().expect("an id")).await.json();
    assert_eq!(read["token_type"], "DPoP");
    deleted(&backend, &credential).await;
    let ended = server.seen_at("/token/revocation").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["status"], 200, "{ended:?}");
    for path in ["/request", "/token"] {
        let seen = server.seen_at(path).await;
        assert!(
            seen.len() >= 2 && seen.iter().all(|request| request["proof"].is_object()),
            "{seen:?}"
        );
    }
}

/// django-oauth-toolkit, by its issuer.
#[tokio::test(flavor = "multi_thread")]
async fn django_oauth_toolkit_by_its_issuer() {
    let server = PythonServer::oauth_toolkit().await;
    let found = found(server.issuer(), false).await;
    assert_eq!(found.client_authentication, Method::ClientSecretBasic);
    let backend = backend(&found).await;
    let begun = backend.gateway.begin(&backend.app, &[]).await;
    let callback = server.approve(&begun.authorize_url).await;
    assert_eq!(query(&callback)["iss"], server.issuer());
    let credential = connected(&backend, &begun, &callback).await;
    let properties = &credential["properties"];
    assert_eq!(properties["account_id"], "1");
    assert_eq!(properties["account_name"], "carol@people.example");
    refreshed(&backend, &credential).await;
    ended(&server, &backend, &credential, "/o/revoke_token/").await;
}

/// The same, by the resource that it guards (RFC 9728).
#[tokio::test(flavor = "multi_thread")]
async fn django_oauth_toolkit_by_its_resource() {
    let server = PythonServer::oauth_toolkit().await;
    let (backend, credential) = by_its_resource(&server).await;
    assert_eq!(credential["properties"]["account_id"], "1");
    for _ in 0..2 {
        let tools = proxied(&backend, &credential, "GET", "tools", None).await;
        assert_eq!(tools.status, 200, "{tools:?} {}", tools.log());
        assert_eq!(tools.json(), json!({"tools": ["hammer"]}));
        refreshed(&backend, &credential).await;
    }
    ended(&server, &backend, &credential, "/o/revoke_token/").await;
}

/// An MCP server, by its URL, and a tool that is used with the credential.
#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_server_by_its_url() {
    let server = PythonServer::mcp().await;
    let (backend, credential) = by_its_resource(&server).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hammer", "arguments": {}},
    });
    for _ in 0..2 {
        let answer = proxied(&backend, &credential, "POST", "", Some(&call)).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
        let words = &answer.json()["result"]["content"][0]["text"];
        assert_eq!(words, "bang", "{answer:?}");
        refreshed(&backend, &credential).await;
    }
    ended(&server, &backend, &credential, "/revoke").await;
}

async fn by_its_resource(server: &PythonServer) -> (Backend, Value) {
    let found = found(&server.resource(), false).await;
    assert_eq!(found.issuer, server.issuer());
    assert_eq!(found.resource, Some(server.resource()));
    let backend = backend(&found).await;
    let begun = backend.gateway.begin(&backend.app, &[]).await;
    let asked = query(&begun.authorize_url.parse().expect("a URL"));
    assert_eq!(asked["resource"], server.resource());
    let callback = server.approve(&begun.authorize_url).await;
    let credential = connected(&backend, &begun, &callback).await;
    (backend, credential)
}

/// The credential is deleted, and the grant at the server with it.
async fn ended(server: &PythonServer, backend: &Backend, credential: &Value, path: &str) {
    deleted(backend, credential).await;
    assert_eq!(server.seen().await.last(), Some(&(path.to_owned(), 200)));
}
