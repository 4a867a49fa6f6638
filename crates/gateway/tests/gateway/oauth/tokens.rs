//! Tokens of Keyway's own, and the keys that check them.

use chrono::TimeDelta;
use keyway_domain::sealed::Place;
use keyway_vault::{
    jws::{KeySet, Unverified},
    signing::{PrivateKey, SigningAlgorithm},
};
use serde_json::{Value, json};

use crate::oauth::client::{Client, answer, form, text};

/// The claims of a token, checked as a client does: by the published keys alone.
async fn claims(client: &Client, token: &str) -> Value {
    let keys = client
        .gateway
        .get(&format!("{}/.well-known/jwks.json", client.gateway.base))
        .await;
    assert!(
        keys.json()["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .all(|key| key.get("d").is_none())
    );
    let keys = KeySet::parse(&keys.json()).expect("a key set");
    let token = Unverified::parse(token).expect("a JWT");
    let kid = token.header("kid").expect("a kid").to_owned();
    let key = keys
        .candidates(Some(&kid), token.algorithm())
        .next()
        .expect("a key")
        .clone();
    Value::Object(token.verify(&key).expect("signed").all().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_is_signed_for_the_client_with_its_nonce() {
    for algorithm in ["ES256", "RS256"] {
        let client =
            Client::with("linear", json!({"id_token_signed_response_alg": algorithm})).await;
        let body = client
            .connect(&[("scope", "openid"), ("nonce", "n-1")])
            .await;
        let claims = claims(&client, text(&body, "id_token")).await;
        assert_eq!(claims["iss"], client.gateway.base);
        assert_eq!(claims["aud"], client.id());
        assert_eq!(claims["sub"], body["credential_id"]);
        assert_eq!(claims["nonce"], "n-1");
        assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
        let refreshed = client.refresh(text(&body, "refresh_token")).await.json();
        let again = self::claims(&client, text(&refreshed, "id_token")).await;
        assert_eq!(
            (&again["sub"], &again["nonce"]),
            (&claims["sub"], &Value::Null)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_gateway_mode_the_providers_token_stays_in_the_vault() {
    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let token = text(&body, "access_token");
    let theirs = client.gateway.lab.access_tokens("snyk");
    assert!(
        theirs
            .iter()
            .all(|known| !body.to_string().contains(&known.token))
    );
    assert_eq!(
        (body["expires_in"].as_i64(), &body["token_type"]),
        (Some(600), &json!("Bearer"))
    );
    let claims = claims(&client, token).await;
    assert_eq!(claims["iss"], client.gateway.base);
    assert_eq!(claims["aud"], client.gateway.base);
    assert_eq!(claims["client_id"], client.id());
    assert_eq!(claims["sub"], body["credential_id"]);
    assert_eq!(claims.get("cnf"), None);
    let header = Unverified::parse(token).expect("a JWT");
    assert_eq!(header.header("typ"), Some("at+jwt"));
    let seen = client
        .send("/oauth/introspect", form(&[("token", token)]))
        .await
        .json();
    assert_eq!(
        (&seen["active"], &seen["token_type"]),
        (&json!(true), &json!("Bearer"))
    );
    // Whoever revokes it ends the refresh token with it.
    client
        .send("/oauth/revoke", form(&[("token", token)]))
        .await;
    let seen = client
        .send("/oauth/introspect", form(&[("token", token)]))
        .await;
    assert_eq!(seen.json(), json!({"active": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_after() {
    use keyway_domain::random::OsRandom;
    use keyway_gateway::oauth::signing_keys::make;

    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let app = &client.gateway.app;
    let kid = |body: &Value| {
        let token = Unverified::parse(text(body, "access_token")).expect("a JWT");
        token.header("kid").expect("a kid").to_owned()
    };
    let published = async || {
        let url = format!("{}/.well-known/jwks.json", client.gateway.base);
        let keys = client.gateway.get(&url).await.json();
        let ids = keys["keys"].as_array().expect("keys").iter();
        ids.map(|key| text(key, "kid").to_owned())
            .collect::<Vec<_>>()
    };
    let old = kid(&client.connect(&[]).await);
    let due = app.now() + TimeDelta::hours(1);
    let key = make(
        &app.ring,
        &OsRandom,
        SigningAlgorithm::Es256,
        app.now(),
        due,
    );
    let key = key.await.expect("a key");
    let new = key.id.to_string();
    app.store
        .insert_signing_keys(&[key], false)
        .await
        .expect("stored");
    client.gateway.clock.advance(TimeDelta::minutes(2));
    let ids = published().await;
    assert!(ids.contains(&old) && ids.contains(&new), "{ids:?}");
    assert_eq!(kid(&client.connect(&[]).await), old);
    client.gateway.clock.advance(TimeDelta::hours(1));
    assert_eq!(kid(&client.connect(&[]).await), new);
    assert!(published().await.contains(&old));
    client.gateway.clock.advance(TimeDelta::hours(1));
    let ids = published().await;
    assert!(!ids.contains(&old) && ids.contains(&new), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_start_at_once_make_one_key_of_each_kind() {
    let client = Client::of("linear").await;
    let url = format!("{}/.well-known/jwks.json", client.gateway.base);
    futures_util::future::join_all((0..8).map(|_| client.gateway.get(&url))).await;
    let kinds = "SELECT algorithm FROM signing_keys ORDER BY algorithm";
    assert_eq!(client.gateway.sql(kinds).await, ["ES256", "RS256"]);
    let kept = "SELECT encode(sealed_private_key, 'escape') || public_jwk::text FROM signing_keys";
    assert!(
        client
            .gateway
            .sql(kept)
            .await
            .iter()
            .all(|row| !row.contains("\"d\""))
    );
}

/// RFC 9068 section 4: the claims alone do not make an access token, whoever signed them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_as_another_type_is_no_access_token() {
    let client = Client::with("snyk", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let token = text(&body, "access_token");
    let claims = claims(&client, token).await;
    let kid = Unverified::parse(token).expect("a JWT");
    let kid = kid.header("kid").expect("a kid").to_owned();
    let app = &client.gateway.app;
    let stored = app.store.list_signing_keys().await.expect("keys");
    let stored = stored.iter().find(|key| key.id.to_string() == kid);
    let stored = stored.expect("the key that signed it");
    let secret = app
        .ring
        .open(&Place::signing_key(stored.id), &stored.sealed_private_key);
    let key = PrivateKey::from_secret(SigningAlgorithm::Es256, &secret.expect("opened"));
    let key = key.expect("a key");

    for (typ, active) in [("at+jwt", true), ("JWT", false), ("dpop+jwt", false)] {
        let forged = key.sign(typ, Some(&kid), &claims).expect("signed");
        let seen = client
            .send("/oauth/introspect", form(&[("token", &forged)]))
            .await;
        assert_eq!(seen.json()["active"], json!(active), "{typ}");
        let url = format!("{}/userinfo", client.gateway.base);
        let user = client.gateway.request("GET", &url).bearer_auth(&forged);
        let status = answer(user).await.status;
        assert_eq!(status, if active { 200 } else { 401 }, "{typ}");
    }
}
