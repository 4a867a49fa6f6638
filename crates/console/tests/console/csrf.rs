//! Forms that are not ours change nothing, on every route that takes one.

use reqwest::Method;

use crate::{
    support::{Console, PASSWORD, token},
    world::{FORMS, SHOWN_ONCE, World},
};

type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn a_token_that_is_missing_or_wrong_is_refused_everywhere() {
    let world = World::new().await;
    let ours = world.browser.csrf().await;
    let theirs = world.console.signed_in(&world.theirs.email).await;
    let another = theirs.csrf().await;
    let visitors = world.console.browser().csrf().await;
    assert_ne!(ours, another);
    let session = world.browser.cookie("keyway-session").expect("a cookie");
    let before = world.console.dump().await;
    let short = ours[..42].to_owned();
    let random = token();
    for (route, fields) in FORMS {
        let path = world.ours.path(route);
        for wrong in [
            None,
            Some(""),
            Some(another.as_str()),
            Some(visitors.as_str()),
            Some(session.as_str()),
            Some(random.as_str()),
            Some(short.as_str()),
        ] {
            let mut form: Vec<(&str, &str)> = fields.to_vec();
            form.extend(wrong.map(|wrong| ("csrf", wrong)));
            let answer = world.browser.post_as_is(&path, &form).await;
            answer.assert_page(403, "The form belongs to an earlier sign-in");
            assert!(answer.log().contains("token missing or wrong"), "{path}");
            assert!(answer.cookies().is_empty());
        }
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused_everywhere() {
    let world = World::new().await;
    let csrf = world.browser.csrf().await;
    let origin = world.browser.origin().to_owned();
    let before = world.console.dump().await;
    let upper = origin.to_uppercase();
    let slash = format!("{origin}/");
    let longer = format!("{origin}.evil.example");
    let other_port = format!("{origin}0");
    let other_scheme = origin.replace("http:", "https:");
    let both = format!("{origin}, https://evil.example");
    let cases: Vec<(Headers<'_>, &str)> = vec![
        (&[], "neither Origin nor Sec-Fetch-Site"),
        (
            &[("origin", "https://evil.example")],
            "https://evil.example",
        ),
        (&[("origin", "null")], "(null)"),
        (&[("origin", "")], "another site ()"),
    ];
    for (route, fields) in FORMS {
        let path = world.ours.path(route);
        let mut form: Vec<(&str, &str)> = fields.to_vec();
        form.push(("csrf", &csrf));
        for (headers, detail) in &cases {
            let sent = world
                .browser
                .send(Method::POST, &path, headers, Some(&form));
            let answer = sent.await;
            answer.assert_page(403, "The form was not sent from a page of this console.");
            assert!(answer.log().contains(detail), "{}", answer.log());
        }
        for origin in [&upper, &slash, &longer, &other_port, &other_scheme, &both] {
            let headers = [("origin", origin.as_str())];
            let sent = world
                .browser
                .send(Method::POST, &path, &headers, Some(&form));
            sent.await.assert_page(403, "not sent from a page");
        }
        for site in ["cross-site", "same-site", "", "same-origin, cross-site"] {
            let headers = [("origin", origin.as_str()), ("sec-fetch-site", site)];
            let sent = world
                .browser
                .send(Method::POST, &path, &headers, Some(&form));
            sent.await.assert_page(403, "not sent from a page");
            let headers = [("sec-fetch-site", site)];
            let sent = world
                .browser
                .send(Method::POST, &path, &headers, Some(&form));
            sent.await.assert_page(403, "not sent from a page");
        }
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_form_of_ours_is_taken_everywhere() {
    let world = World::new().await;
    let csrf = world.browser.csrf().await;
    let origin = world.browser.origin().to_owned();
    for (route, fields) in FORMS {
        let path = world.ours.path(route);
        let mut form: Vec<(&str, &str)> = fields.to_vec();
        form.push(("csrf", &csrf));
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let sent = world
            .browser
            .send(Method::POST, &path, &headers, Some(&form));
        let answer = sent.await;
        let expected = if SHOWN_ONCE.contains(&route) {
            200
        } else {
            303
        };
        assert_eq!(answer.status, expected, "{path}: {answer:?}");
    }
}

/// Nothing typed is lost with a stale form: the page gives it back, but for secrets.
#[tokio::test]
async fn a_stale_form_gives_back_what_was_typed() {
    let world = World::new().await;
    let form = [
        ("csrf", "stale"),
        ("name", "<Acme>"),
        ("client_id", "typed-id"),
        ("client_secret", "canary-secret"),
        ("scopes", "read write"),
        ("unknown", "canary-unknown"),
    ];
    let answer = world
        .browser
        .post_as_is("/oauth-apps/new/linear", &form)
        .await;
    answer.assert_page(403, "What you had entered");
    for kept in ["&#60;Acme&#62;", "typed-id", "read write"] {
        assert!(answer.body.contains(kept), "{kept}");
    }
    for lost in ["canary-secret", "canary-unknown"] {
        assert!(!answer.body.contains(lost), "{lost}");
    }
}

#[tokio::test]
async fn sign_in_asks_again_when_its_cookie_is_gone() {
    let console = Console::start().await;
    console.account("Acme", "a@acme.test").await;
    let filled = [("email", "a@acme.test"), ("password", PASSWORD)];
    let other = console.browser().csrf().await;
    let random = token();
    for wrong in [None, Some(""), Some(other.as_str()), Some(random.as_str())] {
        let browser = console.browser();
        browser.get("/sign-in").await;
        let mut form = filled.to_vec();
        form.extend(wrong.map(|wrong| ("csrf", wrong)));
        let answer = browser.post_as_is("/sign-in", &form).await;
        answer.assert_page(403, "This page was open for too long.");
        assert!(answer.body.contains("value=\"a@acme.test\""));
        assert!(!answer.body.contains(PASSWORD));
        assert!(browser.cookie("keyway-session").is_none());
        assert!(answer.log().contains("form token missing or wrong"));
        // The page that comes back works.
        let csrf = answer.field("csrf");
        let mut form = filled.to_vec();
        form.push(("csrf", &csrf));
        let answer = browser.post_as_is("/sign-in", &form).await;
        answer.assert_redirect("/");
    }
    // A token without its cookie, and a cookie that anybody could guess.
    for cookie in ["", "x"] {
        let browser = console.browser();
        let csrf = browser.csrf().await;
        browser.set_cookie("keyway-console-form", cookie);
        let mut form = filled.to_vec();
        form.push(("csrf", &csrf));
        let answer = browser.post_as_is("/sign-in", &form).await;
        answer.assert_page(403, "This page was open for too long.");
    }
}

#[tokio::test]
async fn sign_in_and_set_up_are_refused_from_elsewhere() {
    let console = Console::start().await;
    let app = &console.app;
    let link = keyway_console::setup_link(
        &app.store,
        app.random.as_ref(),
        app.clock.as_ref(),
        &app.console_url,
    );
    let link = link.await.expect("an answer").expect("a link");
    let setup = link.expose().replace(app.console_url.as_str(), "");
    let browser = console.browser();
    let csrf = browser.csrf().await;
    let form = [
        ("csrf", csrf.as_str()),
        ("account", "Acme"),
        ("email", "a@acme.test"),
        ("password", PASSWORD),
        ("repeated", PASSWORD),
    ];
    let before = console.dump().await;
    for path in ["/sign-in", &setup] {
        let cases: [Headers<'_>; 4] = [
            &[],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site")],
        ];
        for headers in cases {
            let sent = browser.send(Method::POST, path, headers, Some(&form));
            let answer = sent.await;
            answer.assert_page(403, "The form was not sent from a page of this console.");
            assert!(answer.cookies().is_empty());
        }
    }
    let stale = [("csrf", "stale"), form[1], form[2], form[3], form[4]];
    let answer = browser.post_as_is(&setup, &stale).await;
    answer.assert_page(403, "This page was open for too long.");
    assert!(answer.body.contains("value=\"Acme\""));
    assert!(!answer.body.contains(PASSWORD));
    assert_eq!(console.dump().await, before);
}
