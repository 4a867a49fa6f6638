//! `GET` and `POST /link/oauth2/callback/{provider}`: every refusal by its wire answer and its
//! logged detail.

mod form_post;

use std::time::Duration;

use chrono::TimeDelta;
use keyway_testkit::lab::{Endpoint, Fault};
use url::Url;

use crate::support::{Answer, Begun, Gateway, TestApp, query};

async fn setup() -> (Gateway, TestApp) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    (gateway, app)
}

/// A flow whose end user is on the way back.
async fn on_the_way_back(gateway: &Gateway, app: &TestApp) -> (Begun, String) {
    let begun = gateway.begin(app, &[("state", "client-state")]).await;
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    (begun, callback.url)
}

/// The failed flow as the flow log has it: step, error, detail.
async fn failure(gateway: &Gateway) -> (String, String, String) {
    let rows = gateway
        .sql("SELECT failed_step || '|' || error || '|' || error_detail FROM authorization_sessions WHERE failed_at IS NOT NULL")
        .await;
    let [row] = &rows[..] else {
        panic!("one failed flow: {rows:?}")
    };
    let mut parts = row.splitn(3, '|').map(str::to_owned);
    let mut next = || parts.next().expect("three parts");
    (next(), next(), next())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_malformed_state_is_a_page() {
    let (gateway, app) = setup().await;
    let (begun, _) = on_the_way_back(&gateway, &app).await;
    let callback = |state: &str| {
        gateway.url(
            "/link/oauth2/callback/linear",
            &[("code", "x"), ("state", state)],
        )
    };
    gateway
        .get_with(&callback("x"), &begun.cookie)
        .await
        .assert_page(400, "state missing or malformed");
    let missing = gateway.url("/link/oauth2/callback/linear", &[("code", "x")]);
    gateway
        .get_with(&missing, &begun.cookie)
        .await
        .assert_page(400, "state missing or malformed");
    // This flow's id with another secret.
    let mut forged = begun.state();
    forged.replace_range(60.., "AAAA");
    gateway
        .get_with(&callback(&forged), &begun.cookie)
        .await
        .assert_page(400, "state unknown");
    assert!(gateway.lab.calls("linear", Endpoint::Token).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_is_a_page_and_spends_nothing() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    gateway
        .get(&callback)
        .await
        .assert_page(400, "flow of another browser");
    let (name, _) = begun.cookie.split_once('=').expect("a pair");
    gateway
        .get_with(&callback, &format!("{name}=AAAA"))
        .await
        .assert_page(400, "flow of another browser");
    // The attacker's own flow's cookie does not do either.
    let other = gateway.begin(&app, &[]).await;
    let (_, value) = other.cookie.split_once('=').expect("a pair");
    gateway
        .get_with(&callback, &format!("{name}={value}"))
        .await
        .assert_page(400, "flow of another browser");
    // The right browser goes on as if nothing had happened.
    assert!(
        query(&gateway.get_with(&callback, &begun.cookie).await.location()).contains_key("code")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_state_is_a_page() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    gateway.clock.advance(TimeDelta::minutes(10));
    gateway
        .get_with(&callback, &begun.cookie)
        .await
        .assert_page(400, "state expired");
    assert!(gateway.lab.calls("linear", Endpoint::Token).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_a_page_and_reaches_no_provider() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let answer = gateway.get_with(&callback, &begun.cookie).await;
    assert!(
        answer
            .header("set-cookie")
            .is_some_and(|cookie| cookie.contains("Max-Age=0")),
        "the cookie is cleared"
    );
    gateway
        .get_with(&callback, &begun.cookie)
        .await
        .assert_page(400, "state already used");
    assert_eq!(gateway.lab.calls("linear", Endpoint::Token).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_providers_callback_is_a_page() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    for other in ["github", "nobody", "Linear", "linear%2F"] {
        let answer = gateway
            .get_with(
                &callback.replace("/linear?", &format!("/{other}?")),
                &begun.cookie,
            )
            .await;
        assert_eq!(answer.status, 400, "{other}");
        assert!(
            answer.log().contains("callback of another provider")
                || answer.log().contains("not a slug"),
            "{}",
            answer.log()
        );
    }
    assert!(gateway.lab.calls("linear", Endpoint::Token).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_parameter_is_a_page() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    for extra in ["code=x", "state=x", "iss=a&iss=b"] {
        let answer = gateway
            .get_with(&format!("{callback}&{extra}"), &begun.cookie)
            .await;
        answer.assert_page(400, "is repeated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_issuer_is_a_page_and_ends_the_flow() {
    let gateway = Gateway::start().await;
    let app = gateway.register("google").await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let separator = if callback.contains("iss=") {
        panic!("google sends no iss")
    } else {
        "&iss="
    };
    let answer = gateway
        .get_with(
            &format!("{callback}{separator}https%3A%2F%2Fevil.example"),
            &begun.cookie,
        )
        .await;
    answer.assert_page(400, "iss is not this provider's issuer");
    assert!(
        gateway.lab.calls("google", Endpoint::Token).is_empty(),
        "no token request (RFC 9207)"
    );
    assert_eq!(failure(&gateway).await.0, "callback");
    // The reference on the page is the flow's.
    let [id] = &gateway.sql("SELECT id FROM authorization_sessions").await[..] else {
        panic!("one flow")
    };
    assert!(answer.body.contains(id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_shopify_signature_is_a_page() {
    let gateway = Gateway::start().await;
    let app = gateway.register("shopify").await;
    let begun = gateway
        .begin(&app, &[("param.shop", "acme.myshopify.com")])
        .await;
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    let url = Url::parse(&callback.url).expect("a URL");
    let forged: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if name == "hmac" {
                "0".repeat(64)
            } else {
                value.into_owned()
            };
            (name.into_owned(), value)
        })
        .collect();
    let forged = Url::parse_with_params(
        &format!("{}/link/oauth2/callback/shopify", gateway.base),
        forged,
    )
    .expect("a URL");
    gateway
        .get_with(forged.as_str(), &begun.cookie)
        .await
        .assert_page(400, "hmac does not match");
    assert!(gateway.lab.calls("shopify", Endpoint::Token).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_users_refusal_goes_back_to_the_client() {
    let (gateway, app) = setup().await;
    let begun = gateway.begin(&app, &[("state", "client-state")]).await;
    let callback = gateway
        .lab
        .deny(&begun.authorize_url)
        .await
        .expect("sent back");
    let answer = gateway.get_with(&callback.url, &begun.cookie).await;
    answer.assert_error_redirect("access_denied", Some("client-state"), "access_denied");
    let (step, error, detail) = failure(&gateway).await;
    assert_eq!(
        (step.as_str(), error.as_str()),
        ("callback", "access_denied")
    );
    assert!(detail.starts_with("access_denied"), "{detail}");
}

async fn refused_with(error: &str, description: Option<&str>) -> (Answer, String) {
    let (gateway, app) = setup().await;
    let begun = gateway.begin(&app, &[]).await;
    let state = begun.state();
    let mut parameters = vec![("error", error), ("state", state.as_str())];
    parameters.extend(description.map(|words| ("error_description", words)));
    let url = gateway.url("/link/oauth2/callback/linear", &parameters);
    let answer = gateway.get_with(&url, &begun.cookie).await;
    let (_, _, detail) = failure(&gateway).await;
    (answer, detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_error_becomes_one_of_the_standard() {
    for (theirs, ours) in [
        ("access_denied", "access_denied"),
        ("user_cancelled_login", "access_denied"),
        ("invalid_scope", "invalid_scope"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("their_own_code", "server_error"),
    ] {
        let (answer, detail) = refused_with(theirs, Some("their <b>own</b> words")).await;
        answer.assert_error_redirect(ours, None, "their <b>own</b> words");
        assert_eq!(detail, format!("{theirs}: their <b>own</b> words"));
        let words = &query(&answer.location())["error_description"];
        assert!(
            !words.contains("own"),
            "the provider's words stay with the admin: {words}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_words_cannot_break_the_answer() {
    let (answer, detail) = refused_with(
        "x\r\nSet-Cookie: a=b",
        Some("\u{1b}[31m\"quoted\"\\ \u{e9}"),
    )
    .await;
    answer.assert_error_redirect("server_error", None, "server_error");
    assert!(!detail.contains(['\r', '\n', '\u{1b}']), "{detail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_code_nor_error_is_a_server_error() {
    let (gateway, app) = setup().await;
    let begun = gateway.begin(&app, &[]).await;
    let url = gateway.url("/link/oauth2/callback/linear", &[("state", &begun.state())]);
    let answer = gateway.get_with(&url, &begun.cookie).await;
    answer.assert_error_redirect("server_error", None, "neither code nor error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_belongs_to_no_flow_is_a_page_of_its_own() {
    let (gateway, _) = setup().await;
    let url = gateway.url(
        "/link/oauth2/callback/linear",
        &[("error", "access_denied")],
    );
    let answer = gateway.get(&url).await;
    answer.assert_page(400, "state missing or malformed");
    assert!(
        answer.body.contains("Connection refused"),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_prefetch_spend_nothing() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let head = gateway
        .request("HEAD", &callback)
        .header("cookie", &begun.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(head.status(), 200);
    let prefetch = gateway
        .request("GET", &callback)
        .header("cookie", &begun.cookie)
        .header("sec-purpose", "prefetch")
        .send()
        .await
        .expect("an answer");
    assert_eq!(prefetch.status(), 425);
    assert!(
        query(&gateway.get_with(&callback, &begun.cookie).await.location()).contains_key("code")
    );
}

impl Answer {
    #[track_caller]
    fn assert_status(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }
}

/// A fault at the provider's token endpoint: what the client hears, and what the flow log holds.
async fn faulty(endpoint: Endpoint, fault: Fault) -> (Answer, (String, String, String)) {
    let gateway = Gateway::start_within(Duration::from_millis(500)).await;
    let app = gateway.register("linear").await;
    gateway.lab.fail_once("linear", endpoint, fault);
    let answer = gateway.connect(&app, &[("state", "s")]).await;
    let failure = failure(&gateway).await;
    assert_eq!(gateway.sql("SELECT count(*) FROM grants").await, ["0"]);
    let code = gateway.code(&app, &[]).await;
    assert_eq!(
        gateway.redeem(&app, &code).await.status,
        200,
        "the next flow works"
    );
    (answer, failure)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_an_error_for_the_client_and_words_for_the_admin() {
    for (fault, error, words) in [
        (
            Fault::Status(500),
            "temporarily_unavailable",
            "the provider answered 500",
        ),
        (
            Fault::Slow(Duration::from_secs(5)),
            "temporarily_unavailable",
            "did not answer within",
        ),
        (
            Fault::Reset,
            "temporarily_unavailable",
            "the connection to the provider broke",
        ),
        (Fault::Garbage, "server_error", "neither JSON nor a form"),
        (Fault::Truncated, "server_error", "neither JSON nor a form"),
        (
            Fault::Huge(10 * 1024 * 1024),
            "server_error",
            "larger than 1048576 bytes",
        ),
        (
            Fault::Redirect("https://evil.example/".into()),
            "server_error",
            "the provider answered 302",
        ),
        (
            Fault::OkWithError,
            "server_error",
            "the provider answered 200",
        ),
    ] {
        let (answer, (step, logged, detail)) = faulty(Endpoint::Token, fault.clone()).await;
        answer.assert_error_redirect(error, Some("s"), words);
        assert_eq!(
            (step.as_str(), logged.as_str()),
            ("exchange", error),
            "{fault:?}"
        );
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_fails_is_named_as_such() {
    let (answer, (step, _, detail)) = faulty(Endpoint::Identity, Fault::Status(503)).await;
    answer.assert_error_redirect("temporarily_unavailable", Some("s"), "503");
    assert_eq!(step, "identity");
    assert!(detail.contains("503"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_echoes_is_redacted() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    gateway
        .lab
        .fail_once("linear", Endpoint::Token, Fault::Echo(400));
    let begun = gateway.begin(&app, &[]).await;
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &begun.cookie).await;
    let (_, _, detail) = failure(&gateway).await;
    assert!(detail.contains("[redacted]"), "{detail}");
    let code = callback.parameter("code").expect("a code");
    for secret in [app.client_secret.as_str(), code.as_str()] {
        for place in [&detail, &answer.log(), &answer.location().to_string()] {
            assert!(!place.contains(secret), "{place}");
        }
    }
}
