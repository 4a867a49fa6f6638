//! `private_key_jwt` (RFC 7523).

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    oauth::{
        client::{Client, Form, answer, assert_refused, form},
        proof::{Key, jti, merged},
    },
    support::Answer,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn world() -> (Client, Key) {
    let key = Key::generate();
    let mut jwk = key.jwk.clone();
    jwk["kid"] = "key-1".into();
    let settings = json!({
        "token_endpoint_auth_methods": ["private_key_jwt"],
        "jwks": {"keys": [jwk]},
    });
    (Client::with("linear", settings).await, key)
}

fn claims(client: &Client) -> Value {
    let now = client.gateway.app.now().timestamp();
    json!({
        "iss": client.id(), "sub": client.id(), "aud": client.gateway.base,
        "iat": now, "exp": now + 60, "jti": jti(),
    })
}

fn assertion(client: &Client, key: &Key, more: &Value) -> String {
    let header = json!({"alg": "ES256", "kid": "key-1"});
    key.sign(&header, &merged(claims(client), more))
}

fn proven(mut form: Form, assertion: &str) -> Form {
    form.insert("client_assertion_type".into(), TYPE.into());
    form.insert("client_assertion".into(), assertion.into());
    form
}

async fn send(client: &Client, form: Form, assertion: &str) -> Answer {
    answer(client.post("/oauth/token", &proven(form, assertion))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_proves_the_client_to_the_issuer_or_the_endpoint() {
    let (client, key) = world().await;
    let endpoint = format!("{}/oauth/token", client.gateway.base);
    for audience in [
        json!(client.gateway.base),
        json!(endpoint),
        json!([endpoint, client.gateway.base]),
    ] {
        let code = client.code(&[]).await;
        let proof = assertion(&client, &key, &json!({"aud": audience}));
        let answer = send(&client, client.redemption(&code), &proof).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_that_does_not_fit_proves_nothing() {
    let (client, key) = world().await;
    let code = client.code(&[]).await;
    let now = client.gateway.app.now().timestamp();
    let by_header = |more: Value| {
        let header = merged(json!({"alg": "ES256", "kid": "key-1"}), &more);
        key.sign(&header, &claims(&client))
    };
    let other = Key::generate();
    let mut embedded = other.jwk.clone();
    embedded["kid"] = "key-1".into();
    let claim = |more: Value| assertion(&client, &key, &more);
    for (proof, detail) in [
        (assertion(&client, &other, &json!({})), "another key"),
        (
            other.sign(
                &json!({"alg": "ES256", "kid": "key-1", "jwk": embedded}),
                &claims(&client),
            ),
            "another key",
        ),
        (by_header(json!({"kid": "../../etc/passwd"})), "another key"),
        (by_header(json!({"alg": "RS256"})), "another key"),
        (by_header(json!({"alg": "none"})), "malformed"),
        (by_header(json!({"alg": "HS256"})), "malformed"),
        (by_header(json!({"typ": "dpop+jwt"})), "another type"),
        (claim(json!({"iss": "other"})), "another client"),
        (claim(json!({"sub": "other"})), "client_id unknown"),
        (claim(json!({"aud": null})), "another server"),
        (
            claim(json!({"aud": "https://other.example"})),
            "another server",
        ),
        (
            claim(json!({"aud": [client.gateway.base, "https://other.example"]})),
            "another server",
        ),
        (claim(json!({"exp": null})), "without exp"),
        (claim(json!({"exp": now - 31})), "expired"),
        (claim(json!({"exp": now + 331})), "over five minutes"),
        (claim(json!({"exp": 1e300})), "without exp"),
        (claim(json!({"iat": now + 31})), "later time"),
        (claim(json!({"nbf": now + 31})), "later time"),
        (claim(json!({"nbf": "soon"})), "later time"),
        (claim(json!({"jti": null})), "without jti"),
        (claim(json!({"jti": ""})), "without jti"),
        ("x.y".into(), "malformed"),
    ] {
        let refused = send(&client, client.redemption(&code), &proof).await;
        assert_refused(&refused, 401, "invalid_client", detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_good_once() {
    let (client, key) = world().await;
    let proof = assertion(&client, &key, &json!({}));
    let unknown = form(&[("token", "x")]);
    let revoke = proven(unknown, &proof);
    let answers = join_all((0..64).map(|_| answer(client.post("/oauth/revoke", &revoke)))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers.iter().filter(|answer| answer.status == 401) {
        assert_refused(answer, 401, "invalid_client", "used before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_says_which_ways_there_are() {
    let (client, key) = world().await;
    let code = client.code(&[]).await;
    let secret = client.send("/oauth/token", client.redemption(&code)).await;
    assert_refused(&secret, 401, "invalid_client", "does not allow");
    client.set(json!({})).await;
    let proof = assertion(&client, &key, &json!({}));
    let keyed = send(&client, client.redemption(&code), &proof).await;
    assert_refused(&keyed, 401, "invalid_client", "no keys");
    let mut form = proven(client.redemption(&code), &proof);
    form.insert("client_assertion_type".into(), "other".into());
    let other = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&other, 400, "invalid_request", "RFC 7523");
}
