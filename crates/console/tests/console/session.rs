//! Sessions: how they begin, last and end.

use chrono::TimeDelta;
use reqwest::Method;

use crate::{
    support::{Console, PASSWORD, token},
    world::World,
};

const EMAIL: &str = "a@acme.test";
const COOKIE: &str = "keyway-session";

#[tokio::test]
async fn an_idle_session_ends_after_two_hours() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    for _ in 0..3 {
        console.clock.advance(TimeDelta::minutes(119));
        browser.get("/").await.assert_page(200, "Overview");
    }
    console.clock.advance(TimeDelta::hours(2));
    browser.get("/").await.assert_redirect("/sign-in");
}

#[tokio::test]
async fn a_session_in_use_ends_after_twelve_hours() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    for _ in 0..11 {
        console.clock.advance(TimeDelta::hours(1));
        browser.get("/").await.assert_page(200, "Overview");
    }
    console.clock.advance(TimeDelta::hours(1));
    browser.get("/").await.assert_redirect("/sign-in");
}

#[tokio::test]
async fn signing_out_kills_the_session_and_not_the_others() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let other = console.signed_in(EMAIL).await;
    let token = browser.cookie(COOKIE).expect("a cookie");
    // A link cannot sign anybody out.
    let answer = browser.get("/sign-out").await;
    answer.assert_page(405, "This address does not take that kind of request.");
    let answer = browser.post("/sign-out", &[]).await;
    answer.assert_redirect("/sign-in");
    assert_eq!(
        answer.cookies(),
        ["keyway-session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"]
    );
    browser.set_cookie(COOKIE, &token);
    browser.get("/").await.assert_redirect("/sign-in");
    other.get("/").await.assert_page(200, "Overview");
    let audit = console.audit(account).await;
    assert!(audit.contains(&"session.signed_out".to_owned()));
}

#[tokio::test]
async fn each_sign_in_has_a_token_of_its_own() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.browser();
    // A cookie that somebody planted before.
    let planted = token();
    browser.set_cookie(COOKIE, &planted);
    browser.sign_in(EMAIL, PASSWORD).await.assert_redirect("/");
    let first = browser.cookie(COOKIE).expect("a cookie");
    assert_ne!(first, planted);
    // Another admin on the same machine: what the browser was signed in to ends.
    console.account("Globex", "b@globex.test").await;
    let csrf = {
        let visitor = console.browser();
        let csrf = visitor.get("/sign-in").await.field("csrf");
        let cookie = visitor.cookie("keyway-console-form").expect("a cookie");
        browser.set_cookie("keyway-console-form", &cookie);
        csrf
    };
    let form = [
        ("csrf", csrf.as_str()),
        ("email", "b@globex.test"),
        ("password", PASSWORD),
    ];
    let answer = browser.post_as_is("/sign-in", &form).await;
    answer.assert_redirect("/");
    browser.get("/").await.assert_page(200, "b@globex.test");
    for dead in [first, planted] {
        let other = console.browser();
        other.set_cookie(COOKIE, &dead);
        other.get("/").await.assert_redirect("/sign-in");
    }
}

#[tokio::test]
async fn a_cookie_that_is_no_token_is_no_session() {
    let world = World::new().await;
    let good = world.browser.cookie(COOKIE).expect("a cookie");
    let browser = world.console.browser();
    let shorter = good[..42].to_owned();
    let longer = format!("{good}A");
    let lower = good.to_lowercase();
    for bad in ["", "x", &shorter, &longer, &lower, "%00", "'; --"] {
        browser.set_cookie(COOKIE, bad);
        browser.get("/").await.assert_redirect("/sign-in");
    }
}

/// A link on another site brings no `SameSite=Strict` cookie. The first answer goes on to the same
/// page by itself, with the cookie.
#[tokio::test]
async fn a_visit_from_another_site_is_brought_home_first() {
    let world = World::new().await;
    let path = world.ours.path("/flow-log/{flow}");
    let stranger = world.console.browser();
    let cross_site = [("sec-fetch-site", "cross-site")];
    let answer = stranger.send(Method::GET, &path, &cross_site, None).await;
    answer.assert_page(
        200,
        &format!("<meta http-equiv=\"refresh\" content=\"0; url={path}\">"),
    );
    for leak in ["Acme", "a@acme.test", "invalid_grant"] {
        assert!(!answer.body.contains(leak));
    }
    // The visit that follows is ours, so nobody goes round in circles.
    for site in ["same-origin", "same-site", "none"] {
        let headers = [("sec-fetch-site", site)];
        let answer = stranger.send(Method::GET, &path, &headers, None).await;
        answer.assert_redirect(&format!("/sign-in?next={path}"));
    }
    let answer = world
        .browser
        .send(Method::GET, &path, &cross_site, None)
        .await;
    answer.assert_page(200, "invalid_grant");
}
