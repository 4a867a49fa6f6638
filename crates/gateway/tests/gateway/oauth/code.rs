//! `POST /oauth/token` with a code.

use keyway_domain::{Clock as _, pkce::CodeVerifier, random::OsRandom};
use serde_json::json;

use crate::{
    oauth::client::{Client, answer, assert_refused, form, text},
    support::Answer,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_exchanged_for_the_providers_token_and_a_refresh_token_of_our_own() {
    let client = Client::of("snyk").await;
    let code = client.code(&[]).await;
    let answer = client.send("/oauth/token", client.redemption(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let body = answer.json();
    assert!(client.gateway.lab.is_live(text(&body, "access_token")));
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["provider"], "snyk");
    let left = body["expires_in"].as_i64().expect("seconds");
    assert!((3500..=3600).contains(&left), "{left}");
    let theirs = client.gateway.lab.refresh_tokens("snyk");
    let ours = text(&body, "refresh_token");
    assert!(theirs.iter().all(|token| token.token != ours));
    let credential = client.gateway.sql("SELECT id FROM credentials").await;
    assert_eq!(credential, [text(&body, "credential_id")]);
    assert_eq!(body["id_token"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_does_as_well_encoded_or_not() {
    let client = Client::of("linear").await;
    for encoded in [true, false] {
        let code = client.code(&[]).await;
        let (mut id, mut secret) = (client.id(), client.app.client_secret.clone());
        if encoded {
            (id, secret) = (id.replace('-', "%2D"), secret.replace('-', "%2D"));
        }
        let request = client.post("/oauth/token", &client.redemption(&code));
        let answer = answer(request.basic_auth(id, Some(secret))).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_not_believed_is_told_nothing_and_spends_nothing() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let redemption = client.redemption(&code);
    let unknown = "00000000-0000-0000-0000-000000000000";
    for (id, secret, detail) in [
        (client.id().as_str(), "wrong", "client_secret wrong"),
        (
            unknown,
            client.app.client_secret.as_str(),
            "client_id unknown",
        ),
        ("x", "y", "client_id unknown"),
    ] {
        let basic = client
            .post("/oauth/token", &redemption)
            .basic_auth(id, Some(secret));
        let basic = answer(basic).await;
        assert_refused(&basic, 401, "invalid_client", detail);
        assert!(
            basic
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Basic "))
        );
        let mut posted = redemption.clone();
        posted.extend(form(&[("client_id", id), ("client_secret", secret)]));
        let posted = answer(client.post("/oauth/token", &posted)).await;
        assert_refused(&posted, 401, "invalid_client", detail);
        assert_eq!(posted.header("www-authenticate"), None);
        assert_eq!(posted.body, basic.body);
    }
    let named = client.post("/oauth/token", &{
        let mut form = redemption.clone();
        form.insert("client_id".into(), client.id());
        form
    });
    assert_refused(&answer(named).await, 401, "invalid_client", "no proof");
    let answer = client.send("/oauth/token", redemption).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proofs_at_once_are_an_invalid_request() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let form = client.proven(client.redemption(&code));
    let request = client.post("/oauth/token", &form);
    let both = request.basic_auth(client.id(), Some(&client.app.client_secret));
    assert_refused(
        &answer(both).await,
        400,
        "invalid_request",
        "more than one way",
    );
    let other = client.post("/oauth/token", &{
        let mut form = client.redemption(&code);
        form.insert("client_id".into(), "other".into());
        form
    });
    let other = other.basic_auth(client.id(), Some(&client.app.client_secret));
    assert_refused(
        &answer(other).await,
        401,
        "invalid_client",
        "another client",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_forms_with_each_parameter_once_are_read() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let form = client.proven(client.redemption(&code));
    let url = format!("{}/oauth/token", client.gateway.base);
    let send = async |kind: &str, body: String| -> Answer {
        let request = client
            .gateway
            .request("POST", &url)
            .header("content-type", kind);
        answer(request.body(body)).await
    };
    let json = send("application/json", json!(form).to_string()).await;
    assert_refused(&json, 400, "invalid_request", "x-www-form-urlencoded");
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(&form);
    let encoded = pairs.finish();
    let urlencoded = "application/x-www-form-urlencoded";
    for name in ["code", "grant_type", "client_id", "unknown"] {
        let twice = send(urlencoded, format!("{encoded}&{name}=x&{name}=x")).await;
        assert_refused(&twice, 400, "invalid_request", "repeated");
    }
    let huge = send(
        urlencoded,
        format!("{encoded}&pad={}", "x".repeat(64 * 1024)),
    )
    .await;
    assert_refused(&huge, 413, "invalid_request", "64 kB");
    let get = client.gateway.get(&url).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    for (name, error) in [
        ("grant_type", "invalid_request"),
        ("code", "invalid_request"),
        ("redirect_uri", "invalid_request"),
    ] {
        let mut form = form.clone();
        form.insert(name.into(), String::new());
        let answer = answer(client.post("/oauth/token", &form)).await;
        assert_refused(&answer, 400, error, "missing");
    }
    let mut other = form.clone();
    other.insert("grant_type".into(), "password".into());
    let other = answer(client.post("/oauth/token", &other)).await;
    assert_refused(&other, 400, "unsupported_grant_type", "password");
    assert_eq!(send(urlencoded, encoded).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_its_own_client_redirect_uri_and_verifier() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let other = CodeVerifier::generate(&OsRandom);
    for (name, value, detail) in [
        (
            "redirect_uri",
            "https://client.example/other",
            "another redirect_uri",
        ),
        (
            "code_verifier",
            other.secret().expose().as_str(),
            "code_verifier",
        ),
        ("code_verifier", "", "code_verifier"),
        ("code_verifier", "short", "RFC 7636"),
        ("code", "short", "none of ours"),
    ] {
        let mut form = client.redemption(&code);
        form.insert(name.into(), value.into());
        let answer = client.send("/oauth/token", form).await;
        assert_refused(&answer, 400, "invalid_grant", detail);
    }
    let foreign = client.gateway.register("linear").await;
    let mut form = client.redemption(&code);
    form.insert("client_id".into(), foreign.id.to_string());
    form.insert("client_secret".into(), foreign.client_secret.clone());
    let refused = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&refused, 400, "invalid_grant", "another app");
    let answer = client.send("/oauth/token", client.redemption(&code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_answers_no_challenge_is_refused() {
    let client = Client::of("linear").await;
    let code = client
        .code(&[("code_challenge", ""), ("code_challenge_method", "")])
        .await;
    let answer = client.send("/oauth/token", client.redemption(&code)).await;
    assert_refused(&answer, 400, "invalid_grant", "code_verifier");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_at_the_door_that_it_was_asked_for_at() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let body = json!({
        "code": code, "client_id": client.app.id, "client_secret": client.app.client_secret,
        "code_verifier": client.verifier.secret().expose(),
    });
    let answer = client.gateway.post_token(&body).await;
    answer.assert_token_error(400, "invalid_grant", "door");
    let code = client.gateway.code(&client.app, &[]).await;
    let mut form = client.redemption(&code);
    form.remove("code_verifier");
    let answer = client.send("/oauth/token", form).await;
    assert_refused(&answer, 400, "invalid_grant", "door");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_use_ends_what_the_first_one_gave() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let first = client.send("/oauth/token", client.redemption(&code)).await;
    let second = client.send("/oauth/token", client.redemption(&code)).await;
    assert_refused(&second, 400, "invalid_grant", "already used");
    let refresh = client.refresh(text(&first.json(), "refresh_token")).await;
    assert_refused(&refresh, 400, "invalid_grant", "revoked");
    let audited = "SELECT count(*) FROM audit_events WHERE action = 'authorization_code.reused'";
    assert_eq!(client.gateway.sql(audited).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lasts_a_minute() {
    let client = Client::of("linear").await;
    let code = client.code(&[]).await;
    let before = client.gateway.clock.now();
    client.gateway.clock.advance(chrono::TimeDelta::seconds(61));
    assert!(client.gateway.clock.now() > before);
    let answer = client.send("/oauth/token", client.redemption(&code)).await;
    assert_refused(&answer, 400, "invalid_grant", "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let client = Client::of("linear").await;
    let mut form = client.proven(client.redemption("x"));
    form.insert("client_secret".into(), "wrong".into());
    for _ in 0..20 {
        let answer = answer(client.post("/oauth/token", &form)).await;
        assert_eq!(answer.status, 401);
    }
    let slowed = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&slowed, 429, "slow_down", "too many");
    assert!(slowed.header("retry-after").is_some());
}
