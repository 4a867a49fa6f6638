//! Token exchange (RFC 8693).

use chrono::TimeDelta;
use keyway_testkit::lab::{Account, Endpoint};
use serde_json::{Value, json};

use crate::{
    oauth::{
        client::{Client, Form, answer, assert_refused, form, text},
        proof::{Key, merged},
    },
    support::Answer,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:";
const ISSUER: &str = "https://id.acme.example";

fn request(token: &str, kind: &str) -> Form {
    form(&[
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", &format!("{TYPE}{kind}")),
    ])
}

async fn exchange(client: &Client, token: &str, kind: &str) -> Answer {
    client.send("/oauth/token", request(token, kind)).await
}

/// A client whose account has named its identity provider, and that one's key.
async fn world() -> (Client, Key) {
    let key = Key::generate();
    let issuer = json!({"issuer": ISSUER, "audience": "keyway", "jwks": {"keys": [key.jwk]}});
    let client = Client::with("snyk", json!({"subject_token_issuers": [issuer]})).await;
    (client, key)
}

fn subject(client: &Client, key: &Key, more: &Value) -> String {
    let now = client.gateway.app.now().timestamp();
    let claims =
        json!({"iss": ISSUER, "aud": "keyway", "sub": "user-1", "iat": now, "exp": now + 300});
    key.sign(
        &json!({"alg": "ES256", "typ": "JWT"}),
        &merged(claims, more),
    )
}

/// Connects an account of this end user.
async fn connect(client: &Client, end_user: &str) {
    let body = client.connect(&[]).await;
    let id = text(&body, "credential_id");
    // A link session would have named its end user.
    let statement = format!("UPDATE credentials SET end_user_id = '{end_user}' WHERE id = '{id}'");
    client.gateway.sql(&statement).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_accounts_identity_provider_stands_for_its_end_user() {
    let (client, key) = world().await;
    connect(&client, "user-1").await;
    let body = exchange(&client, &subject(&client, &key, &json!({})), "jwt").await;
    assert_eq!(body.status, 200, "{body:?} {}", body.log());
    let body = body.json();
    assert!(client.gateway.lab.is_live(text(&body, "access_token")));
    assert_eq!(body["issued_token_type"], format!("{TYPE}access_token"));
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body.get("refresh_token"), None);
    let audited = "SELECT count(*) FROM audit_events WHERE action = 'credential.token_exchanged'";
    assert_eq!(client.gateway.sql(audited).await, ["1"]);
    // Refreshed if need be, like everywhere.
    client.gateway.clock.advance(TimeDelta::hours(2));
    let late = exchange(&client, &subject(&client, &key, &json!({})), "id_token").await;
    assert_eq!(late.status, 200, "{late:?}");
    assert_eq!(client.gateway.lab.calls("snyk", Endpoint::Refresh).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_token_that_does_not_fit_is_refused() {
    let (client, key) = world().await;
    connect(&client, "user-1").await;
    let now = client.gateway.app.now().timestamp();
    let with = |more: Value| subject(&client, &key, &more);
    for (token, detail) in [
        (
            subject(&client, &Key::generate(), &json!({})),
            "another key",
        ),
        (
            with(json!({"iss": "https://evil.example"})),
            "unknown issuer",
        ),
        (with(json!({"aud": "other"})), "another audience"),
        (with(json!({"aud": null})), "another audience"),
        (with(json!({"exp": now - 31})), "expired"),
        (with(json!({"exp": null})), "expired"),
        (with(json!({"nbf": now + 31})), "later time"),
        (with(json!({"sub": null})), "without sub"),
        (with(json!({"sub": "user-2"})), "no credential"),
        (with(json!({"cnf": {"jkt": "x"}})), "bound to a key"),
        ("x".into(), "no JWT"),
    ] {
        let refused = exchange(&client, &token, "jwt").await;
        assert_refused(&refused, 400, "invalid_grant", detail);
    }
    let good = with(json!({}));
    for (name, value, error, detail) in [
        (
            "subject_token_type",
            "saml",
            "invalid_request",
            "subject_token_type",
        ),
        ("subject_token", "", "invalid_request", "missing"),
        ("actor_token", "x", "invalid_request", "acts for another"),
        (
            "requested_token_type",
            "urn:x",
            "invalid_request",
            "requested_token_type",
        ),
        (
            "audience",
            "https://other.example",
            "invalid_target",
            "audience",
        ),
        (
            "resource",
            "https://other.example",
            "invalid_target",
            "resource",
        ),
    ] {
        let mut form = request(&good, "jwt");
        form.insert(name.into(), value.into());
        let refused = client.send("/oauth/token", form).await;
        assert_refused(&refused, 400, error, detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_credentials_none_is_chosen() {
    let (client, key) = world().await;
    connect(&client, "user-1").await;
    client.gateway.lab.sign_in(
        "snyk",
        Account {
            id: "other".into(),
            name: "Other".into(),
            email: "other@example.com".into(),
        },
    );
    connect(&client, "user-1").await;
    let refused = exchange(&client, &subject(&client, &key, &json!({})), "jwt").await;
    assert_refused(&refused, 400, "invalid_grant", "several");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_of_our_own_stands_for_its_credential_for_its_client_alone() {
    let client = Client::of("linear").await;
    let body = client.connect(&[("scope", "openid read")]).await;
    let id_token = text(&body, "id_token");
    let exchanged = exchange(&client, id_token, "id_token").await;
    assert_eq!(exchanged.status, 200, "{exchanged:?} {}", exchanged.log());
    assert_eq!(exchanged.json()["credential_id"], body["credential_id"]);
    let other = client.gateway.register("linear").await;
    let mut theirs = request(id_token, "id_token");
    theirs.insert("client_id".into(), other.id.to_string());
    theirs.insert("client_secret".into(), other.client_secret.clone());
    let foreign = answer(client.post("/oauth/token", &theirs)).await;
    assert_refused(&foreign, 400, "invalid_grant", "another client");
    let mut wide = request(id_token, "id_token");
    wide.insert("scope".into(), "read admin".into());
    let wide = client.send("/oauth/token", wide).await;
    assert_refused(&wide, 400, "invalid_scope", "more scopes");
    client.gateway.clock.advance(TimeDelta::minutes(10));
    let late = exchange(&client, id_token, "id_token").await;
    assert_refused(&late, 400, "invalid_grant", "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_provider_tokens_gets_none_in_exchange() {
    let client = Client::with("linear", json!({"access_token": "gateway"})).await;
    let body = client.connect(&[]).await;
    let refused = exchange(&client, text(&body, "access_token"), "access_token").await;
    assert_refused(
        &refused,
        400,
        "invalid_request",
        "no tokens of the provider",
    );
    // An access token of the time before the setting changed is worth what it always was.
    client.set(json!({})).await;
    let good = exchange(&client, text(&body, "access_token"), "access_token").await;
    assert_eq!(good.status, 200, "{good:?} {}", good.log());
    let token = text(&body, "refresh_token");
    client
        .send("/oauth/revoke", form(&[("token", token)]))
        .await;
    let dead = exchange(&client, text(&body, "access_token"), "access_token").await;
    assert_refused(&dead, 400, "invalid_grant", "revoked");
    client
        .set(json!({"token_endpoint_auth_methods": ["none"]}))
        .await;
    let mut public = request("x", "jwt");
    public.insert("client_id".into(), client.id());
    let public = answer(client.post("/oauth/token", &public)).await;
    assert_refused(&public, 401, "invalid_client", "public client");
}
