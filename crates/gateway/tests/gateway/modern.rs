//! A real authorization server as strict as there are: pushed requests, tokens bound to keys by
//! proofs with nonces, clients that prove themselves by assertions for the issuer alone.

use std::time::Duration;

use keyway_domain::{
    Clock as _, Random, clock::SystemClock, ids::OauthAppId, provider::ProviderSlug,
    random::OsRandom,
};
use keyway_testkit::{clock::ManualClock, log, real::OidcProvider};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, api_token},
    support::{Answer, Gateway, TestApp, query},
};

const SLUG: &str = "strict";

fn definition(server: &OidcProvider) -> String {
    let issuer = server.issuer();
    format!(
        r#"
name = "Strict"
category = "identity"
documentation = "https://github.com/panva/node-oidc-provider"
checked = "2026-11-27"
certainty = "verified"

[authorize]
url = "{issuer}/auth"
par = "{issuer}/request"
pkce = "required"
default_scopes = ["openid", "email", "offline_access"]
# Without it there is no refresh token (OpenID Connect Core section 11).
parameters = {{ prompt = "consent" }}

[callback]
issuer = "{issuer}"
issuer_required = true

[id_token]
jwks_url = "{issuer}/jwks"

[token]
url = "{issuer}/token"
client_authentication = "private_key_jwt"
client_assertion = {{ audience = "{issuer}" }}
dpop = true

[refresh]

[revoke]
method = "POST"
url = "{issuer}/token/revocation"
authorization = "client"
form = {{ token = "{{refresh_or_access_token}}" }}

[[identity]]
name = "me"
request = {{ url = "{issuer}/me" }}

[api]
base_url = "{issuer}/"

[credential]
external_id = ["id_token.sub"]
external_label = ["identity.me.email"]
"#
    )
}

/// A gateway of the present, and a client of the server with its key.
async fn world() -> (OidcProvider, Backend) {
    let options = json!({"par": true, "dpop": true, "audience": true});
    let server = OidcProvider::start(&options).await;
    let definitions = vec![(SLUG, definition(&server))];
    let now = ManualClock::at(SystemClock.now());
    let gateway = Gateway::start_at(now, Duration::from_secs(10), |_| definitions).await;
    let random: &dyn Random = &OsRandom;
    let callback = gateway
        .app
        .callback_url(&ProviderSlug::parse(SLUG).expect("a slug"));
    let id = OauthAppId::generate(gateway.clock.now(), random);
    // The provider fetches the public half of the key from Keyway.
    let keys = gateway.url(&format!("/link/oauth2/jwks/{id}"), &[]);
    let client = json!({"redirect_uri": callback, "jwks_uri": keys});
    let client = server.register(&client).await;
    let app = TestApp {
        id,
        provider: SLUG.to_owned(),
        client_id: client["client_id"].as_str().expect("an id").to_owned(),
        client_secret: client["private_key"].as_str().expect("a key").to_owned(),
    };
    gateway.store(gateway.account, &app, None).await;
    let scopes = "credentials:token,credentials:write,proxy";
    let token = api_token(&gateway, gateway.account, scopes).await;
    let backend = Backend {
        gateway,
        app,
        token,
    };
    (server, backend)
}

/// A whole flow, to the credential.
async fn connect(server: &OidcProvider, backend: &Backend) -> Value {
    let gateway = &backend.gateway;
    let begun = gateway.begin(&backend.app, &[("state", "mine")]).await;
    let callback = server.approve(&begun.authorize_url).await;
    let answer = gateway.get_with(callback.as_str(), &begun.cookie).await;
    assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
    let back = query(&answer.location());
    assert_eq!(back["state"], "mine", "{back:?} {}", answer.log());
    let answer = gateway.redeem(&backend.app, &back["code"]).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    answer.json()["credential"].clone()
}

async fn proxied(backend: &Backend, method: &str, id: &str, path: &str) -> Answer {
    let url = format!("{}/v1/proxy/credential/{id}/{path}", backend.gateway.base);
    let request = backend.gateway.request(method, &url);
    let request = request.bearer_auth(&backend.token);
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_revocation() {
    let (server, backend) = world().await;
    let begun = backend.gateway.begin(&backend.app, &[]).await;
    let asked = query(&begun.authorize_url.parse().expect("a URL"));
    assert_eq!(
        asked.keys().collect::<Vec<_>>(),
        ["client_id", "request_uri"]
    );

    let credential = connect(&server, &backend).await;
    let properties = &credential["properties"];
    assert_eq!(properties["account_id"], "carol");
    assert_eq!(properties["account_name"], "carol@people.example");
    let first = properties["access_token"].clone();
    let id = credential["id"].as_str().expect("an id");

    let read = backend.read(id.parse().expect("an id")).await.json();
    assert_eq!(
        (&read["token_type"], &read["access_token"]),
        (&json!("DPoP"), &first)
    );

    let forced = backend.call_as(&backend.token, "GET", id, "token?force=true");
    let refreshed = forced.await.json();
    assert_ne!(refreshed["access_token"], first, "{refreshed}");
    let key = |of: &Value| of["proof_key"].clone();
    assert_eq!(key(&refreshed["properties"]), key(properties));

    for method in ["GET", "POST"] {
        let answer = proxied(&backend, method, id, "me?x=1").await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
        assert_eq!(answer.json()["sub"], "carol");
        assert_eq!(answer.header("dpop-nonce"), None);
    }
    proofs(&server).await;
    assert_eq!(server.seen_at("/jwks").await.len(), 1, "fetched once");
    at_rest(&backend, properties).await;

    let deleted = backend.gateway.request(
        "DELETE",
        &format!("{}/v1/credentials/{id}", backend.gateway.base),
    );
    let deleted = deleted.bearer_auth(&backend.token).send().await;
    assert!(deleted.expect("an answer").status().is_success());
    let ended = server.seen_at("/token/revocation").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["status"], 200, "{ended:?}");
}

/// What the server saw: a proof each, the first without a nonce and refused, and none twice.
async fn proofs(server: &OidcProvider) {
    let seen = server.seen().await;
    let proven: Vec<&Value> = seen
        .iter()
        .filter(|request| !request["proof"].is_null())
        .collect();
    let paths: Vec<&str> = proven
        .iter()
        .filter_map(|request| request["path"].as_str())
        .collect();
    let expected = [
        // The first flow, which nobody went on with, learned the nonce for all that follow.
        "/request", "/request", "/request", "/token", "/me", "/token", "/me", "/me",
    ];
    assert_eq!(paths, expected);
    let (first, rest) = proven.split_first().expect("some");
    assert_eq!(
        (&first["status"], &first["proof"]["nonce"]),
        (&json!(400), &Value::Null)
    );
    assert!(
        rest.iter()
            .all(|request| request["proof"]["nonce"].is_string())
    );
    let statuses: Vec<i64> = rest
        .iter()
        .filter_map(|request| request["status"].as_i64())
        .collect();
    assert_eq!(statuses, [201, 201, 200, 200, 200, 200, 200]);
    for request in &proven {
        let target = format!(
            "{}{}",
            server.issuer(),
            request["path"].as_str().expect("a path")
        );
        assert_eq!(request["proof"]["htu"], target);
        assert_eq!(request["proof"]["htm"], request["method"]);
        let presents = request["path"] == "/me";
        assert_eq!(request["proof"]["ath"].is_string(), presents);
        assert_eq!(request["authorization"] == "DPoP", presents);
    }
    let mut ids: Vec<String> = proven
        .iter()
        .map(|request| request["proof"]["jti"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), proven.len(), "a proof is for one request");
}

/// Neither the key nor a token is in the database in clear, or in the log.
async fn at_rest(backend: &Backend, properties: &Value) {
    let key = properties["proof_key"].as_str().expect("a key");
    let key: Value = serde_json::from_str(key).expect("a JWK");
    let rows = "SELECT to_jsonb(g)::text FROM grants g
                UNION ALL SELECT to_jsonb(s)::text FROM authorization_sessions s
                UNION ALL SELECT to_jsonb(c)::text FROM credentials c
                UNION ALL SELECT to_jsonb(e)::text FROM events e";
    let rows = backend.gateway.sql(rows).await.join("\n");
    assert!(rows.contains("proof_key"), "its name is there");
    let token = properties["access_token"].as_str().expect("a token");
    for secret in [key["d"].as_str().expect("d"), token] {
        assert!(!rows.contains(secret));
        assert!(!log::all().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_are_those_of_apps_that_have_some() {
    let (_server, backend) = world().await;
    let gateway = &backend.gateway;
    let keys = |id: &str| gateway.url(&format!("/link/oauth2/jwks/{id}"), &[]);
    let shown = gateway.get(&keys(&backend.app.id.to_string())).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let body = shown.json();
    let members = body["keys"][0].as_object().expect("a key");
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);

    let plain = gateway.register("linear").await;
    let secret = TestApp {
        id: OauthAppId::generate(gateway.clock.now(), &OsRandom),
        client_id: "another".into(),
        client_secret: "a secret, and no key".into(),
        ..backend.app.clone()
    };
    gateway.store(gateway.account, &secret, None).await;
    let nobody = OauthAppId::generate(gateway.clock.now(), &OsRandom);
    for id in [plain.id, secret.id, nobody] {
        let answer = gateway.get(&keys(&id.to_string())).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(
            answer.json(),
            json!({"summary": "There is no such key set."})
        );
    }
}

/// A key is the same key, however its lines break on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_may_send_its_key_as_it_has_it() {
    let (server, mut backend) = world().await;
    let key = backend.app.client_secret.clone();
    for form in [
        key.replace('\n', "\r\n"),
        key.replace('\n', ""),
        key.trim_end().to_owned(),
    ] {
        backend.app.client_secret = form;
        connect(&server, &backend).await;
    }
    backend.app.client_secret = key.replace("PRIVATE KEY", "PUBLIC KEY");
    let answer = backend.gateway.redeem(&backend.app, "code").await;
    answer.assert_token_error(401, "invalid_client", "client_secret wrong");
}
