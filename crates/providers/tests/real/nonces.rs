//! A server that wants a nonce in each proof (RFC 9449 sections 8 and 9), and clients that know none.

use std::collections::BTreeMap;

use keyway_domain::SecretString;
use keyway_providers::{
    completion::Granted,
    http::HttpClient,
    proxy::{ProxyAccess, ProxyBody, ProxyRequest},
};
use serde_json::{Value, json};

use crate::world::World;

/// Neither is a code spent by a proof without a nonce, nor a refresh token, nor is the proxy's caller
/// told.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_no_nonce_is_told_one() {
    // The server has the key without a name, and finds it by none.
    let key = "client_assertion = { key_id = \"\" }";
    let proof = format!("client_authentication = \"private_key_jwt\"\ndpop = true\n{key}");
    let world = World::new(json!({"dpop": true}), json!({}), &proof).await;
    let secret = world.client.get("private_key").and_then(Value::as_str);
    let secret = SecretString::from(secret.expect("a key"));
    let newcomer = || world.lab.http_client();
    let granted = world.connect((&newcomer(), &newcomer()), &secret).await;
    let granted = granted.expect("granted");
    assert_eq!(call(&world, &newcomer(), &granted).await, 200);
    let refreshed = world.refresh(&newcomer(), &secret, &granted).await;
    let refreshed = refreshed.expect("refreshed");
    assert_eq!(refreshed.secrets.proof_key, granted.secrets().proof_key);
    assert_eq!(
        world.revoke(&newcomer(), &secret, &refreshed).await,
        Ok(true)
    );

    let seen = world.server.seen().await;
    let proven = seen.iter().filter(|request| !request["proof"].is_null());
    let told: Vec<(&str, i64)> = proven
        .map(|request| {
            let path = request["path"].as_str().expect("a path");
            (path, request["status"].as_i64().expect("a status"))
        })
        .collect();
    let expected = [
        ("/request", 400),
        ("/request", 201),
        ("/token", 400),
        ("/token", 200),
        ("/me", 200),
        ("/me", 401),
        ("/me", 200),
        ("/token", 400),
        ("/token", 200),
    ];
    assert_eq!(told, expected);
}

/// A call of the API through the proxy: its status.
async fn call(world: &World, http: &HttpClient, granted: &Granted) -> u16 {
    let access = ProxyAccess {
        secrets: &granted.secrets(),
        variables: &BTreeMap::new(),
        public: &granted.properties.public,
    };
    let call = ProxyRequest {
        method: "GET",
        path: "me",
        query: None,
        headers: &[],
        body: ProxyBody::Whole(bytes::Bytes::new()),
    };
    let answered = world.provider.proxy(http, &access, call).await;
    answered.expect("answered").status
}
