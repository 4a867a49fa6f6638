//! `POST /link/oauth2/token`: every refusal by its wire answer and its logged detail.

use chrono::TimeDelta;
use keyway_domain::{pkce::CodeVerifier, random::OsRandom};
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, TestApp};

async fn setup() -> (Gateway, TestApp, String) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let code = gateway.code(&app, &[("state", "client-state")]).await;
    (gateway, app, code)
}

fn request(app: &TestApp, code: &str) -> Value {
    json!({"code": code, "client_id": app.id, "client_secret": app.client_secret})
}

async fn post_raw(
    gateway: &Gateway,
    content_type: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let mut post = gateway
        .request("POST", &format!("{}/link/oauth2/token", gateway.base))
        .body(body);
    if let Some(content_type) = content_type {
        post = post.header("content-type", content_type);
    }
    Answer::of(post.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_does_as_well() {
    let (gateway, app, code) = setup().await;
    let form = format!(
        "code={code}&client_id={}&client_secret={}",
        app.id, app.client_secret
    );
    let answer = post_raw(
        &gateway,
        Some("application/x-www-form-urlencoded; charset=utf-8"),
        form,
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["state"], "client-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_field_is_an_invalid_request() {
    let (gateway, app, code) = setup().await;
    for field in ["code", "client_id", "client_secret"] {
        let mut body = request(&app, &code);
        body.as_object_mut().expect("an object").remove(field);
        gateway.post_token(&body).await.assert_token_error(
            400,
            "invalid_request",
            &format!("{field} is missing"),
        );
        let form = format!(
            "code={code}&client_id={}&client_secret={}",
            app.id, app.client_secret
        );
        let form = form.replace(&format!("{field}="), "ignored=");
        let answer = post_raw(&gateway, Some("application/x-www-form-urlencoded"), form).await;
        answer.assert_token_error(400, "invalid_request", &format!("{field} is missing"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_field_is_an_invalid_request() {
    let (gateway, app, code) = setup().await;
    let form = format!(
        "code={code}&client_id={}&client_secret={}&code={code}",
        app.id, app.client_secret
    );
    let answer = post_raw(&gateway, Some("application/x-www-form-urlencoded"), form).await;
    answer.assert_token_error(400, "invalid_request", "code is repeated");
    let twice = format!(
        "{{\"code\":\"{code}\",\"code\":\"{code}\",\"client_id\":\"{}\"}}",
        app.id
    );
    let answer = post_raw(&gateway, Some("application/json"), twice).await;
    answer.assert_token_error(400, "invalid_request", "each field once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_body_or_wrong_type_is_an_invalid_request_that_quotes_nothing() {
    let (gateway, app, code) = setup().await;
    let wrong_type =
        json!({"code": code, "client_id": app.id, "client_secret": {"canary": "canary"}})
            .to_string();
    for body in [
        "",
        "canary",
        "[\"canary\"]",
        "{\"code\": canary",
        "\"canary\"",
        "null",
        &wrong_type,
    ] {
        let answer = post_raw(&gateway, Some("application/json"), body.to_owned()).await;
        answer.assert_token_error(400, "invalid_request", "");
        assert!(
            !answer.body.contains("canary") && !answer.log().contains("canary"),
            "{answer:?}"
        );
    }
    let deep = "[".repeat(50_000);
    post_raw(&gateway, Some("application/json"), deep)
        .await
        .assert_token_error(400, "invalid_request", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_types_are_415_and_large_bodies_413() {
    let (gateway, app, code) = setup().await;
    let body = request(&app, &code).to_string();
    for content_type in [
        None,
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
    ] {
        let answer = post_raw(&gateway, content_type, body.clone()).await;
        answer.assert_token_error(415, "invalid_request", "neither JSON nor a form");
    }
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let answer = post_raw(&gateway, Some(content_type), "x".repeat(64 * 1024 + 1)).await;
        answer.assert_token_error(413, "invalid_request", "body over 64 kB");
    }
    assert_eq!(
        gateway.redeem(&app, &code).await.status,
        200,
        "none of this cost the code"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client_and_a_wrong_secret_get_the_same_answer() {
    let (gateway, app, code) = setup().await;
    let mut bodies = Vec::new();
    let wrong = [
        (
            app.id.to_string(),
            "wrong".to_owned(),
            "client_secret wrong",
        ),
        (
            app.id.to_string(),
            format!("{}\0", app.client_secret),
            "client_secret wrong",
        ),
        (
            app.id.to_string(),
            app.client_secret[1..].to_owned(),
            "client_secret wrong",
        ),
        (
            "01890000-0000-7000-8000-000000000000".to_owned(),
            app.client_secret.clone(),
            "client_id unknown",
        ),
        (
            app.client_id.clone(),
            app.client_secret.clone(),
            "client_id unknown",
        ),
    ];
    for (client_id, client_secret, detail) in wrong {
        let body = json!({"code": code, "client_id": client_id, "client_secret": client_secret});
        let answer = gateway.post_token(&body).await;
        answer.assert_token_error(401, "invalid_client", detail);
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(
        gateway.redeem(&app, &code).await.status,
        200,
        "a wrong secret does not burn the code"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_malformed_codes_are_an_invalid_grant() {
    let (gateway, app, _) = setup().await;
    let unknown = "A".repeat(43);
    gateway
        .redeem(&app, &unknown)
        .await
        .assert_token_error(400, "invalid_grant", "code unknown");
    for malformed in ["x", "", &"A".repeat(44), &"=".repeat(43)] {
        gateway.redeem(&app, malformed).await.assert_token_error(
            400,
            "invalid_grant",
            "code is none of ours",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_for_60_seconds() {
    let (gateway, app, code) = setup().await;
    gateway.clock.advance(TimeDelta::seconds(59));
    let other = gateway.code(&app, &[]).await;
    gateway.clock.advance(TimeDelta::seconds(1));
    gateway
        .redeem(&app, &code)
        .await
        .assert_token_error(400, "invalid_grant", "code expired");
    assert_eq!(gateway.redeem(&app, &other).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_use_is_refused_and_audited() {
    let (gateway, app, code) = setup().await;
    assert_eq!(gateway.redeem(&app, &code).await.status, 200);
    gateway
        .redeem(&app, &code)
        .await
        .assert_token_error(400, "invalid_grant", "code already used");
    let events = gateway
        .app
        .store
        .list_audit_actions(gateway.account, 10)
        .await
        .expect("events");
    let actions: Vec<&str> = events.iter().map(|(action, _)| action.as_str()).collect();
    assert!(
        actions.contains(&"authorization_code.reused"),
        "{actions:?}"
    );
    assert_eq!(
        gateway.sql("SELECT count(*) FROM credentials").await,
        ["1"],
        "a double click does not kill the link"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_for_its_own_app_only() {
    let (gateway, app, code) = setup().await;
    let other = gateway.register("linear").await;
    gateway.redeem(&other, &code).await.assert_token_error(
        400,
        "invalid_grant",
        "code issued to another app",
    );
    assert_eq!(
        gateway.redeem(&app, &code).await.status,
        200,
        "and is not lost by that"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_must_answer_the_challenge() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let verifier = CodeVerifier::generate(&OsRandom);
    let challenge = verifier.challenge();
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let bound = gateway.code(&app, &pkce).await;
    let unbound = gateway.code(&app, &[]).await;
    let refused = "code_verifier missing, wrong, or sent without a challenge";
    let with = |code: &str, verifier: Option<&str>| {
        let mut body = request(&app, code);
        if let Some(verifier) = verifier {
            body["code_verifier"] = verifier.into();
        }
        body
    };
    let wrong = "w".repeat(43);
    gateway
        .post_token(&with(&bound, None))
        .await
        .assert_token_error(400, "invalid_grant", refused);
    gateway
        .post_token(&with(&bound, Some("")))
        .await
        .assert_token_error(400, "invalid_grant", refused);
    gateway
        .post_token(&with(&bound, Some(&wrong)))
        .await
        .assert_token_error(400, "invalid_grant", refused);
    gateway
        .post_token(&with(&bound, Some(challenge.as_str())))
        .await
        .assert_token_error(400, "invalid_grant", refused);
    gateway
        .post_token(&with(&bound, Some("short")))
        .await
        .assert_token_error(400, "invalid_grant", "not of RFC 7636");
    gateway
        .post_token(&with(&unbound, Some(&wrong)))
        .await
        .assert_token_error(400, "invalid_grant", refused);
    let right = verifier.secret().expose();
    assert_eq!(
        gateway.post_token(&with(&bound, Some(right))).await.status,
        200
    );
    assert_eq!(gateway.post_token(&with(&unbound, None)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_and_being_right_is_not() {
    let (gateway, app, code) = setup().await;
    for _ in 0..30 {
        let other = gateway.code(&app, &[]).await;
        assert_eq!(gateway.redeem(&app, &other).await.status, 200);
    }
    let wrong = json!({"code": code, "client_id": app.id, "client_secret": "wrong"});
    for _ in 0..20 {
        gateway.post_token(&wrong).await.assert_token_error(
            401,
            "invalid_client",
            "client_secret wrong",
        );
    }
    let answer = gateway.post_token(&wrong).await;
    answer.assert_token_error(429, "slow_down", "too many wrong secrets");
    assert_eq!(answer.header("retry-after"), Some("60"));
    gateway.redeem(&app, &code).await.assert_token_error(
        429,
        "slow_down",
        "too many wrong secrets",
    );
    let other = gateway.register("linear").await;
    let elsewhere = gateway.code(&other, &[]).await;
    assert_eq!(
        gateway.redeem(&other, &elsewhere).await.status,
        200,
        "other apps go on"
    );
    gateway.clock.advance(TimeDelta::seconds(61));
    gateway
        .redeem(&app, &code)
        .await
        .assert_token_error(400, "invalid_grant", "code expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_post_is_answered() {
    let (gateway, _, _) = setup().await;
    for method in ["GET", "PUT", "DELETE"] {
        let url = format!("{}/link/oauth2/token", gateway.base);
        assert_eq!(
            gateway
                .request(method, &url)
                .send()
                .await
                .expect("an answer")
                .status(),
            405,
            "{method}"
        );
    }
}
