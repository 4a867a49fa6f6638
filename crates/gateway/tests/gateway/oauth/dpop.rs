//! DPoP at the token endpoint (RFC 9449).

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    oauth::{
        client::{Client, Form, answer, assert_refused, refreshing, text},
        proof::{Key, jti},
    },
    support::Answer,
};

async fn send(client: &Client, form: &Form, proof: &str) -> Answer {
    answer(client.post("/oauth/token", form).header("dpop", proof)).await
}

fn endpoint(client: &Client) -> String {
    format!("{}/oauth/token", client.gateway.base)
}

fn now(client: &Client) -> i64 {
    client.gateway.app.now().timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_binds_the_access_token_to_its_key() {
    let client = Client::of("snyk").await;
    let key = Key::generate();
    let code = client.code(&[]).await;
    let form = client.proven(client.redemption(&code));
    let proof = key.proof("POST", &endpoint(&client), now(&client), &json!({}));
    let body = send(&client, &form, &proof).await.json();
    assert_eq!(body["token_type"], "DPoP");
    let seen = client
        .send(
            "/oauth/introspect",
            crate::oauth::client::form(&[("token", text(&body, "access_token"))]),
        )
        .await;
    assert_eq!(seen.json()["cnf"]["jkt"], key.thumbprint());
    assert_eq!(seen.json()["token_type"], "DPoP");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_does_not_fit_is_refused_and_spends_nothing() {
    let client = Client::of("snyk").await;
    let (key, other) = (Key::generate(), Key::generate());
    let code = client.code(&[]).await;
    let form = client.proven(client.redemption(&code));
    let (url, at) = (endpoint(&client), now(&client));
    let claims = json!({"htm": "POST", "htu": url, "iat": at, "jti": jti()});
    let with_header = |more: Value| {
        let header = crate::oauth::proof::merged(key.dpop_header(), &more);
        key.sign(&header, &claims)
    };
    let mut private = key.jwk.clone();
    private["d"] = "AAAA".into();
    let good = key.proof("POST", &url, at, &json!({}));
    for (proof, detail) in [
        (key.proof("GET", &url, at, &json!({})), "another method"),
        (
            key.proof("POST", &format!("{url}/x"), at, &json!({})),
            "another URL",
        ),
        (
            key.proof("POST", "https://evil.example/oauth/token", at, &json!({})),
            "another URL",
        ),
        (key.proof("POST", "", at, &json!({})), "another URL"),
        (key.proof("POST", &url, at - 61, &json!({})), "another time"),
        (key.proof("POST", &url, at + 61, &json!({})), "another time"),
        (
            key.proof("POST", &url, at, &json!({"iat": null})),
            "another time",
        ),
        (
            key.proof("POST", &url, at, &json!({"iat": "now"})),
            "another time",
        ),
        (key.proof("POST", &url, at, &json!({"jti": null})), "no jti"),
        (key.proof("POST", &url, at, &json!({"jti": ""})), "no jti"),
        (
            key.proof("POST", &url, at, &json!({"jti": "j".repeat(257)})),
            "no jti",
        ),
        (with_header(json!({"typ": "JWT"})), "another type"),
        (with_header(json!({"typ": null})), "another type"),
        (with_header(json!({"jwk": null})), "no public key"),
        (with_header(json!({"jwk": private})), "no public key"),
        (with_header(json!({"jwk": other.jwk})), "another key"),
        (with_header(json!({"alg": "none"})), "not a JWT"),
        (with_header(json!({"alg": "HS256"})), "not a JWT"),
        (with_header(json!({"crit": ["exp"]})), "not a JWT"),
        (format!("{good}, {good}"), "not a JWT"),
        ("x".into(), "not a JWT"),
    ] {
        let refused = send(&client, &form, &proof).await;
        assert_refused(&refused, 400, "invalid_dpop_proof", detail);
    }
    let request = client.post("/oauth/token", &form).header("dpop", &good);
    let twice = answer(request.header("dpop", &good)).await;
    assert_refused(&twice, 400, "invalid_dpop_proof", "more than one");
    // Query and fragment are not compared.
    let good = key.proof("POST", &format!("{url}?a=b#c"), at, &json!({}));
    assert_eq!(send(&client, &form, &good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_requests_with_one_proof_one_succeeds() {
    let client = Client::of("snyk").await;
    let key = Key::generate();
    let body = client.connect(&[]).await;
    let proof = key.proof("POST", &endpoint(&client), now(&client), &json!({}));
    let form = client.proven(refreshing(text(&body, "refresh_token")));
    let answers = join_all((0..64).map(|_| send(&client, &form, &proof))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused(answer, 400, "invalid_dpop_proof", "used before");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_proves_our_nonce_and_keeps_its_key() {
    let settings =
        json!({"token_endpoint_auth_methods": ["none"], "dpop_bound_access_tokens": true});
    let client = Client::with("snyk", settings).await;
    let key = Key::generate();
    let url = endpoint(&client);
    let code = client.code(&[]).await;
    let mut form = client.redemption(&code);
    form.insert("client_id".into(), client.id());
    let bare = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&bare, 400, "invalid_dpop_proof", "must prove its key");
    let proof = |nonce: &str| {
        let more = if nonce.is_empty() {
            json!({})
        } else {
            json!({"nonce": nonce})
        };
        key.proof("POST", &url, now(&client), &more)
    };
    let demanded = send(&client, &form, &proof("")).await;
    assert_refused(&demanded, 400, "use_dpop_nonce", "nonce missing");
    let nonce = demanded.header("dpop-nonce").expect("a nonce").to_owned();
    let wrong = send(&client, &form, &proof("wrong")).await;
    assert_refused(&wrong, 400, "use_dpop_nonce", "another time");
    // The code was not spent by any of that.
    let body = send(&client, &form, &proof(&nonce)).await;
    assert_eq!(body.status, 200, "{body:?} {}", body.log());
    assert!(body.header("dpop-nonce").is_some());
    let body = body.json();
    let mut form = refreshing(text(&body, "refresh_token"));
    form.insert("client_id".into(), client.id());
    let thief = Key::generate();
    let stolen = thief.proof("POST", &url, now(&client), &json!({"nonce": nonce}));
    let stolen = send(&client, &form, &stolen).await;
    assert_refused(&stolen, 400, "invalid_grant", "another key");
    let refreshed = send(&client, &form, &proof(&nonce)).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_asked_for_with_a_key_is_good_with_that_key_alone() {
    let client = Client::of("snyk").await;
    let key = Key::generate();
    let url = endpoint(&client);
    let code = client.code(&[("dpop_jkt", &key.thumbprint())]).await;
    let form = client.proven(client.redemption(&code));
    let bare = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&bare, 400, "invalid_grant", "key");
    let thief = Key::generate().proof("POST", &url, now(&client), &json!({}));
    let thief = send(&client, &form, &thief).await;
    assert_refused(&thief, 400, "invalid_grant", "key");
    let own = key.proof("POST", &url, now(&client), &json!({}));
    assert_eq!(send(&client, &form, &own).await.status, 200);
}
