//! Sign-in.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;

use crate::{
    browser::{Answer, Browser, escaped},
    support::{Console, PASSWORD},
};

const EMAIL: &str = "a@acme.test";
const WRONG: &str = "E-mail address and password do not match.";

/// An attempt from this address, as the operator's proxy reports it.
async fn attempt(browser: &Browser, address: &str, email: &str, password: &str) -> Answer {
    let csrf = browser.csrf().await;
    attempt_with(browser, &csrf, address, email, password).await
}

async fn attempt_with(
    browser: &Browser,
    csrf: &str,
    address: &str,
    email: &str,
    password: &str,
) -> Answer {
    let headers = [("origin", browser.origin()), ("x-forwarded-for", address)];
    let form = [("csrf", csrf), ("email", email), ("password", password)];
    browser
        .send(Method::POST, "/sign-in", &headers, Some(&form))
        .await
}

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let browser = console.browser();
    let answer = browser.sign_in(" A@Acme.test ", PASSWORD).await;
    answer.assert_redirect("/");
    let cookies = answer.cookies();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    let (pair, attributes) = cookies[0].split_once("; ").expect("attributes");
    assert!(pair.starts_with("keyway-session=") && pair.len() == 58);
    assert_eq!(
        attributes,
        "HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"
    );
    browser.get("/").await.assert_page(200, "Overview");
    assert_eq!(
        console.audit(account).await,
        ["admin.created", "session.signed_in"]
    );
    // The database does not know the token.
    let token = browser.cookie("keyway-session").expect("a cookie");
    assert!(!console.dump().await.contains(&token));
    // Who is signed in need not do it again.
    browser.get("/sign-in").await.assert_redirect("/");
    let answer = browser.get("/sign-in?next=/flow-log").await;
    answer.assert_redirect("/flow-log");
}

#[tokio::test]
async fn over_https_the_cookies_are_bound_to_the_host() {
    let console = Console::start_at(Some("https://console.example")).await;
    console.account("Acme", EMAIL).await;
    let browser = console.browser();
    let page = browser.get("/sign-in").await;
    let cookie = page.cookies()[0].to_owned();
    assert!(cookie.starts_with("__Host-keyway-console-form="));
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200"),
        "{cookie}"
    );
    let answer = browser.sign_in(EMAIL, PASSWORD).await;
    let cookie = answer.cookies()[0].to_owned();
    assert!(cookie.starts_with("__Host-keyway-session="));
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200"),
        "{cookie}"
    );
    browser.get("/").await.assert_page(200, "Overview");
    // The same value under the plain name is no session.
    let token = browser.cookie("__Host-keyway-session").expect("a cookie");
    let other = console.browser();
    other.set_cookie("keyway-session", &token);
    other.get("/").await.assert_redirect("/sign-in");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_one_answer() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let browser = console.browser();
    let wrong = browser.sign_in(EMAIL, "wrong").await;
    let unknown = browser.sign_in("b@acme.test", "wrong").await;
    let malformed = browser.sign_in("nobody", "wrong").await;
    for answer in [&wrong, &unknown, &malformed] {
        answer.assert_page(422, WRONG);
        assert!(answer.log().contains("sign-in failed"));
        assert!(browser.cookie("keyway-session").is_none());
    }
    let same = |answer: &Answer, email: &str| answer.body.replace(email, "");
    assert_eq!(same(&wrong, EMAIL), same(&unknown, "b@acme.test"));
    assert_eq!(same(&wrong, EMAIL), same(&malformed, "nobody"));
    assert_eq!(
        console.audit(account).await,
        ["admin.created", "session.sign_in_failed"]
    );
    // What was typed into the field of an unknown address is kept nowhere.
    assert!(!console.dump().await.contains("b@acme.test"));
    browser.get("/").await.assert_redirect("/sign-in");
}

#[tokio::test]
async fn what_was_typed_is_kept_but_for_the_password() {
    let console = Console::start().await;
    let browser = console.browser();
    let typed = "\"><script>alert(1)</script>@x";
    let csrf = browser.csrf().await;
    let form = [
        ("csrf", csrf.as_str()),
        ("email", typed),
        ("password", "canary-password"),
        ("next", "/flow-log"),
    ];
    let answer = browser.post_as_is("/sign-in", &form).await;
    answer.assert_page(422, WRONG);
    assert!(answer.body.contains(&escaped(typed)));
    assert!(!answer.body.contains("<script>alert"));
    assert!(!answer.body.contains("canary-password"));
    assert_eq!(answer.field("next"), "/flow-log");
}

#[tokio::test]
async fn after_ten_failures_an_address_waits_and_others_do_not() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    console.account("Globex", "b@globex.test").await;
    let browser = console.browser();
    for number in 0..10 {
        // From everywhere: the limit is the e-mail address's.
        let from = format!("192.0.2.{number}");
        let answer = attempt(&browser, &from, EMAIL, "wrong").await;
        answer.assert_page(422, WRONG);
    }
    let answer = attempt(&browser, "192.0.2.99", "A@ACME.TEST", PASSWORD).await;
    answer.assert_page(429, "Too many attempts. Try again in 5 minutes.");
    assert_eq!(answer.header("retry-after"), Some("300"));
    assert!(answer.log().contains("sign-in throttled"));
    assert!(browser.cookie("keyway-session").is_none());
    let other = console.browser();
    let answer = attempt(&other, "192.0.2.99", "b@globex.test", PASSWORD).await;
    answer.assert_redirect("/");
    console.clock.advance(TimeDelta::seconds(241));
    let answer = attempt(&browser, "192.0.2.99", EMAIL, PASSWORD).await;
    answer.assert_page(429, "Try again in 1 minute.");
    console.clock.advance(TimeDelta::seconds(59));
    let answer = attempt(&browser, "192.0.2.99", EMAIL, PASSWORD).await;
    answer.assert_redirect("/");
}

#[tokio::test]
async fn signing_in_clears_the_failures_before() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    for _ in 0..3 {
        let browser = console.browser();
        for _ in 0..9 {
            browser
                .sign_in(EMAIL, "wrong")
                .await
                .assert_page(422, WRONG);
        }
        browser.sign_in(EMAIL, PASSWORD).await.assert_redirect("/");
    }
}

#[tokio::test]
async fn after_fifty_failures_a_network_waits() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.browser();
    let csrf = browser.csrf().await;
    let tries = (0..50).map(|number| {
        let (browser, csrf) = (&browser, &csrf);
        async move {
            // All of one network of 64 bits.
            let from = format!("2001:db8:1:2::{number:x}");
            let email = format!("nobody{number}@acme.test");
            attempt_with(browser, csrf, &from, &email, "wrong").await
        }
    });
    for answer in join_all(tries).await {
        answer.assert_page(422, WRONG);
    }
    let answer = attempt_with(&browser, &csrf, "2001:db8:1:2::ffff", EMAIL, PASSWORD).await;
    answer.assert_page(429, "Too many attempts.");
    let answer = attempt_with(&browser, &csrf, "2001:db8:1:3::1", EMAIL, PASSWORD).await;
    answer.assert_redirect("/");
}

#[tokio::test]
async fn guesses_at_the_same_time_stay_within_the_limit() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let browser = console.browser();
    let csrf = browser.csrf().await;
    let tries = (0..64).map(|number| {
        let (browser, csrf) = (&browser, &csrf);
        async move {
            let from = format!("192.0.2.{number}");
            attempt_with(browser, csrf, &from, EMAIL, "wrong")
                .await
                .status
        }
    });
    let statuses = join_all(tries).await;
    let looked_at = statuses.iter().filter(|status| **status == 422).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((looked_at, refused), (10, 54));
    let audit = console.audit(account).await;
    let failed = audit
        .iter()
        .filter(|action| *action == "session.sign_in_failed");
    assert_eq!(failed.count(), 10);
}

#[tokio::test]
async fn one_comes_back_to_our_own_pages_alone() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    for good in ["/oauth-apps", "/flow-log", "/oauth-apps/new/linear"] {
        let browser = console.browser();
        browser
            .get(good)
            .await
            .assert_redirect(&format!("/sign-in?next={good}"));
        let page = browser.get(&format!("/sign-in?next={good}")).await;
        let next = page.field("next");
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", &next)];
        let answer = browser.post("/sign-in", &fields).await;
        answer.assert_redirect(good);
    }
    for bad in [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "https:/evil.example",
        "//evil.example/oauth-apps",
        "/%09/evil.example",
        "/\t/evil.example",
        "/oauth-apps/..//evil.example",
        "/oauth-apps?next=//evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/sign-out",
        "/no-such-page",
        "",
    ] {
        let browser = console.browser();
        let query: String = url::form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        for query in [format!("next={bad}"), format!("next={query}")] {
            let page = browser.get(&format!("/sign-in?{query}")).await;
            page.assert_page(200, "Sign in");
            assert_eq!(page.field("next"), "/", "{bad:?}");
        }
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", bad)];
        let answer = browser.post("/sign-in", &fields).await;
        answer.assert_redirect("/");
        // Who is signed in already is sent on by the same rule.
        let answer = browser.get(&format!("/sign-in?next={query}")).await;
        answer.assert_redirect("/");
    }
}

#[tokio::test]
async fn a_form_that_is_none_is_refused() {
    let console = Console::start().await;
    let browser = console.browser();
    let form = "application/x-www-form-urlencoded";
    let answer = browser
        .post_body("/sign-in", "application/json", b"{}".to_vec())
        .await;
    answer.assert_page(415, "This page takes forms only.");
    let answer = browser
        .post_body("/sign-in", form, b"email=a".to_vec())
        .await;
    answer.assert_page(400, "What was sent does not fit this page.");
    let twice = b"email=a&email=b&password=c".to_vec();
    let answer = browser.post_body("/sign-in", form, twice).await;
    answer.assert_page(400, "What was sent does not fit this page.");
    let answer = browser.post_body("/sign-in", form, vec![0xff, 0xfe]).await;
    answer.assert_page(400, "What was sent does not fit this page.");
    let huge = vec![b'a'; 65 * 1024];
    let answer = browser.post_body("/sign-in", form, huge).await;
    answer.assert_page(413, "What was sent is larger than any form here.");
}
