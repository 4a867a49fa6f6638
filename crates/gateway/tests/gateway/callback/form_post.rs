//! Answers by form post.

use super::*;

async fn post(gateway: &Gateway, begun: &Begun, body: &str, cookie: bool) -> Answer {
    let url = format!("{}/link/oauth2/callback/linear", gateway.base);
    let mut request = gateway
        .request("POST", &url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned());
    if cookie {
        request = request.header("cookie", &begun.cookie);
    }
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_cookie_the_answer_waits_for_the_get() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let (_, body) = callback.split_once('?').expect("a query");
    let answer = post(&gateway, &begun, body, false).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location").expect("a location");
    let code = query(&Url::parse(&callback).expect("a URL"))["code"].clone();
    assert!(
        !location.contains(&code),
        "the provider's code is in no URL of ours"
    );
    let stored = gateway
        .sql("SELECT encode(sealed_response, 'escape') FROM authorization_sessions")
        .await;
    assert!(!stored[0].contains(&code), "nor at rest in clear");
    let url = format!("{}{location}", gateway.base);
    gateway
        .get(&url)
        .await
        .assert_page(400, "flow of another browser");
    let answer = gateway.get_with(&url, &begun.cookie).await;
    assert!(
        query(&answer.location()).contains_key("code"),
        "{answer:?} {}",
        answer.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cookie_it_goes_on_at_once() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let (_, body) = callback.split_once('?').expect("a query");
    let answer = post(&gateway, &begun, body, true).await;
    assert!(query(&answer.location()).contains_key("code"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_counts_and_unknown_states_are_a_page() {
    let (gateway, app) = setup().await;
    let (begun, callback) = on_the_way_back(&gateway, &app).await;
    let (_, body) = callback.split_once('?').expect("a query");
    assert_eq!(post(&gateway, &begun, body, false).await.status, 303);
    post(&gateway, &begun, &body.replace("code=", "code=evil"), false)
        .await
        .assert_page(400, "state unknown, expired or used");
    post(&gateway, &begun, "state=x&code=y", false)
        .await
        .assert_page(400, "state missing or malformed");
    let forged = format!("state={}AAAA&code=y", &begun.state()[..60]);
    post(&gateway, &begun, &forged, false)
        .await
        .assert_page(400, "state unknown, expired or used");
    post(&gateway, &begun, &format!("{body}&code=z"), false)
        .await
        .assert_page(400, "is repeated");
    post(&gateway, &begun, &"x".repeat(70_000), false)
        .await
        .assert_status(413);
}
