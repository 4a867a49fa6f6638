//! Variables: `param.NAME`, and the hosted form for what is missing.

use chrono::TimeDelta;
use keyway_testkit::lab::Endpoint;

use crate::support::{Answer, Gateway, TestApp, query};

async fn setup() -> (Gateway, TestApp) {
    let gateway = Gateway::start().await;
    let app = gateway.register("shopify").await;
    (gateway, app)
}

/// The form's address in a page.
pub(crate) fn action(answer: &Answer) -> String {
    let (_, rest) = answer
        .body
        .split_once("action=\"")
        .unwrap_or_else(|| panic!("no form: {answer:?}"));
    rest.split('"').next().expect("an address").to_owned()
}

pub(crate) async fn post(gateway: &Gateway, path: &str, cookie: &str, body: &str) -> Answer {
    let request = gateway
        .request("POST", &format!("{}{path}", gateway.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(body.to_owned());
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_variable_is_asked_for_and_the_flow_goes_on() {
    let (gateway, app) = setup().await;
    let form = gateway
        .get(&gateway.start_url(&app, &[("state", "canary-state")]))
        .await;
    assert_eq!(form.status, 200, "{form:?}");
    assert!(
        form.body.contains("param.shop") && form.body.contains("Shop"),
        "{}",
        form.body
    );
    assert!(
        !form.body.contains("canary-state"),
        "the state stays sealed"
    );
    let cookie = form.cookie();
    let answer = post(&gateway, &action(&form), &cookie, "param.shop=acme").await;
    assert_eq!(answer.status, 302, "{answer:?}");
    assert!(
        answer
            .location()
            .as_str()
            .starts_with("https://acme.myshopify.com/admin/oauth/authorize?")
    );
    let callback = gateway
        .lab
        .approve(answer.location().as_str())
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &cookie).await;
    let query = query(&answer.location());
    assert_eq!(query["state"], "canary-state");
    let body = gateway.redeem(&app, &query["code"]).await.json();
    assert_eq!(
        body["credential"]["properties"]["shop"],
        "acme.myshopify.com"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_shown_again_with_what_is_wrong() {
    let (gateway, app) = setup().await;
    let form = gateway.get(&gateway.start_url(&app, &[])).await;
    for wrong in [
        "",
        "param.shop=",
        "param.shop=evil.example%2F",
        "param.shop=%3Cscript%3E",
        "param.shop=a&param.shop=b",
    ] {
        let answer = post(&gateway, &action(&form), &form.cookie(), wrong).await;
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.body.contains("role=\"alert\""), "{wrong}");
        assert!(!answer.body.contains("<script>"), "{wrong}");
    }
    let answer = post(&gateway, &action(&form), &form.cookie(), "param.shop=acme").await;
    assert_eq!(answer.status, 302, "nothing was lost");
    assert!(gateway.lab.calls("shopify", Endpoint::Authorize).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_this_browsers_and_good_once() {
    let (gateway, app) = setup().await;
    let form = gateway.get(&gateway.start_url(&app, &[])).await;
    let path = action(&form);
    post(&gateway, &path, "", "param.shop=acme")
        .await
        .assert_page(400, "flow of another browser");
    let other = gateway.get(&gateway.start_url(&app, &[])).await;
    post(&gateway, &path, &other.cookie(), "param.shop=acme")
        .await
        .assert_page(400, "flow of another browser");
    assert_eq!(
        post(&gateway, &path, &form.cookie(), "param.shop=acme")
            .await
            .status,
        302
    );
    post(&gateway, &path, &form.cookie(), "param.shop=evil")
        .await
        .assert_page(400, "does not wait for variables");
    gateway.clock.advance(TimeDelta::minutes(10));
    post(
        &gateway,
        &action(&other),
        &other.cookie(),
        "param.shop=acme",
    )
    .await
    .assert_page(400, "does not wait for variables");
    post(&gateway, "/link/oauth2/variables/x", &form.cookie(), "")
        .await
        .assert_page(400, "flow is not a UUID");
}

/// Values that somebody hopes lead to another host.
const HOSTILE: [&str; 16] = [
    "evil.example",
    "evil.example/",
    "evil.example/.myshopify.com",
    "evil.example?.myshopify.com",
    "evil.example#.myshopify.com",
    "a@evil.example",
    "acme.myshopify.com@evil.example",
    "acme.myshopify.com.evil.example",
    "acme.myshopify.com:8443",
    "127.0.0.1",
    "[::1]",
    "b\u{fc}cher.myshopify.com",
    "acme.myshopify.com\r\nX-Evil: 1",
    "acme.myshopify.com\n",
    "..",
    "\u{0}.myshopify.com",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_never_leave() {
    let (gateway, app) = setup().await;
    let long = "a".repeat(10_000);
    for hostile in HOSTILE.into_iter().chain([long.as_str()]) {
        let answer = gateway
            .get(&gateway.start_url(&app, &[("param.shop", hostile)]))
            .await;
        // What can be completed to a shop's name is one; nothing else goes anywhere.
        if query(&answer.location()).contains_key("error") {
            answer.assert_error_redirect("invalid_request", None, "Shop");
        } else {
            panic!("{hostile:?} led to {}", answer.location());
        }
    }
}
