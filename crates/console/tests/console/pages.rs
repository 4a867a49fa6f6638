//! What holds for every page.

use std::{sync::Arc, time::Duration};

use keyway_domain::{authorization_session::Step, random::OsRandom};
use keyway_store::{Store, StoreOptions};
use reqwest::Method;

use crate::{
    browser::escaped,
    flows::Progress,
    support::{Console, token},
    world::{PAGES, World},
};

#[tokio::test]
async fn every_page_has_its_title_headers_and_place_in_the_navigation() {
    let world = World::new().await;
    for route in PAGES {
        let path = world.ours.path(route);
        let page = world.browser.get(&path).await;
        page.assert_page(200, " · Keyway</title>");
        assert_eq!(page.body.matches("<h1>").count(), 1, "{path}");
        assert!(page.body.contains("<html lang=\"en\">"));
        assert!(page.body.contains("href=\"#main\""));
        let rooms = page.body.split("</nav>").next().expect("the rooms");
        let current = rooms.matches("aria-current=").count();
        assert_eq!(current, 1, "{path}");
        let exact = rooms.contains("aria-current=\"page\"");
        assert_eq!(exact, path.matches('/').count() == 1, "{path}");
        // Nothing inline, and nothing of others: the policy would refuse it.
        for banned in [" style=", "<style", "onclick", "javascript:", "src=\"http"] {
            assert!(!page.body.contains(banned), "{banned} on {path}");
        }
        assert!(page.cookies().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let world = World::new().await;
    let mut paths: Vec<String> = PAGES.iter().map(|route| world.ours.path(route)).collect();
    paths.extend(["/sign-in".into(), "/no-such-page".into()]);
    for path in paths {
        let get = world.browser.get(&path).await;
        let head = world.browser.send(Method::HEAD, &path, &[], None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        for name in ["content-type", "content-length", "location"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn other_methods_and_other_paths_get_a_page() {
    let world = World::new().await;
    let browser = &world.browser;
    for (method, path) in [
        (Method::POST, "/"),
        (Method::PUT, "/oauth-apps"),
        (Method::DELETE, "/redirect-uris"),
        (Method::PATCH, "/sign-in"),
        (Method::GET, "/sign-out"),
        (Method::OPTIONS, "/credentials"),
    ] {
        let answer = browser.send(method, path, &[], None).await;
        answer.assert_page(405, "This address does not take that kind of request.");
    }
    for path in [
        "/nothing",
        "/oauth-apps/",
        "/.env",
        "/assets/x",
        "/oauth-apps/a/b/c",
    ] {
        let answer = browser.get(path).await;
        answer.assert_page(404, "There is no such page here");
    }
    for path in [
        "/assets/keyway.css",
        "/assets/keyway.js",
        "/assets/keyway.svg",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

/// What providers and people write is text, on whatever page it shows.
#[tokio::test]
async fn markup_in_names_is_text_on_every_page() {
    let evil = "<script>alert(\"1\")</script>'\"&<img src=x onerror=alert(2)>";
    let console = Console::start().await;
    let account = console
        .account(&format!("Acme {}", &evil[..40]), "a@acme.test")
        .await;
    let name = &evil[..57];
    let hooks = "https://acme.example/hooks?'&c";
    let webhook = console.described_webhook(account, hooks, Some(evil)).await;
    let app = console.oauth_app(account, "linear", name, evil).await;
    let uri = console
        .redirect_uri(account, "https://acme.example/b'&c/:provider")
        .await;
    let connected = console.flow(account, app, Progress::Connected(evil)).await;
    let failed = console
        .flow_with(
            account,
            app,
            &[(evil, evil)],
            Progress::Failed {
                step: Step::Callback,
                description: evil,
                detail: evil,
            },
        )
        .await;
    let text = crate::world::DEFINITION.replace("\"Own\"", &format!("'''{evil}'''"));
    console.own_provider(account, "own", &text).await;
    let browser = console.signed_in("a@acme.test").await;
    let credential = connected.credential.expect("a credential");
    let (token, _) = console.api_token(account, name).await;
    console.ail(credential, "error", evil).await;
    // Of the app's registration, with its name in the payload.
    let store = &console.app.store;
    let deliveries = store.list_webhook_deliveries(account, webhook, None, None, 100);
    let delivery = deliveries.await.expect("a list").last().expect("one").id;
    let mut seen = 0;
    for route in PAGES {
        let path = route
            .replace("{provider}", "linear")
            .replace("{own}", "own")
            .replace("{app}", &app.to_string())
            .replace("{uri}", &uri.to_string())
            .replace("{credential}", &credential.to_string())
            .replace("{flow}", &failed.flow.to_string())
            .replace("{token}", &token.to_string())
            .replace("{webhook}", &webhook.to_string())
            .replace("{delivery}", &delivery.to_string());
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        for markup in ["<script>alert", "<img", "'\"&<", "b='&c"] {
            let ours = page.body.matches("<img src=\"/assets/keyway.svg\"").count();
            let found = page.body.matches(markup).count();
            let allowed = if markup == "<img" { ours } else { 0 };
            assert_eq!(found, allowed, "{markup} on {path}");
        }
        seen += page.body.matches(&escaped("<script>alert(\"1\")")).count();
    }
    // The account's name stands on every page.
    assert!(seen > 30, "{seen}");
}

#[tokio::test]
async fn values_as_long_as_can_be_are_shown() {
    let console = Console::start().await;
    let account = console.account("Acme", "a@acme.test").await;
    let name = "\u{1F511}".repeat(100);
    let client_id = "i".repeat(500);
    let app = console
        .oauth_app(account, "linear", &name, &client_id)
        .await;
    let long = format!("https://acme.example/{}", "u".repeat(1979));
    console.redirect_uri(account, &long).await;
    let webhook = console.webhook(account, &long).await;
    let label = "l".repeat(5000);
    let connected = console
        .flow(account, app, Progress::Connected(&label))
        .await;
    let detail = "d".repeat(20_000);
    let failed = Progress::Failed {
        step: Step::Identity,
        description: &label,
        detail: &detail,
    };
    let failed = console.flow(account, app, failed).await;
    let browser = console.signed_in("a@acme.test").await;
    for (path, shown) in [
        ("/".to_owned(), &name),
        ("/oauth-apps".into(), &name),
        (format!("/oauth-apps/{app}"), &client_id),
        ("/redirect-uris".into(), &long),
        (
            format!("/credentials/{}", connected.credential.expect("one")),
            &label,
        ),
        ("/credentials".into(), &label),
        ("/webhooks".into(), &long),
        (format!("/webhooks/{webhook}"), &long),
        ("/flow-log".into(), &label),
        (format!("/flow-log/{}", failed.flow), &detail),
    ] {
        browser.get(&path).await.assert_page(200, shown);
    }
}

#[tokio::test]
async fn a_fault_of_ours_has_a_reference_and_no_detail() {
    let world = World::new().await;
    let client = world.console.database.client().await;
    client
        .batch_execute("ALTER TABLE oauth_apps DROP COLUMN scope")
        .await
        .expect("altered");
    let answer = world.browser.get("/oauth-apps").await;
    answer.assert_page(500, "Something went wrong");
    let reference = answer.header("x-request-id").expect("an id").to_owned();
    assert!(answer.body.contains(&reference));
    assert!(!answer.body.contains("scope") && !answer.body.contains("column"));
    assert!(answer.log().contains("scope"), "{}", answer.log());
}

#[tokio::test]
async fn without_its_database_the_console_says_so() {
    let options = StoreOptions {
        url: "postgres://keyway@%2Fnonexistent/keyway".into(),
        application_name: "keyway-test",
        read_connections: 1,
        write_connections: 1,
        wait: Duration::from_millis(200),
    };
    let store = Store::open(options, Arc::new(OsRandom)).await;
    let console = Console::start_without_database(store.expect("a pool")).await;
    let browser = console.browser();
    browser.get("/health/live").await;
    browser.set_cookie("keyway-session", &token());
    let answer = browser.get("/").await;
    answer.assert_page(503, "Keyway cannot reach its database.");
    let reference = answer.header("x-request-id").expect("an id");
    assert!(answer.body.contains(reference));
    assert!(!answer.body.contains("nonexistent"));
    let ready = browser.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.body,
        r#"{"checks":{"database":"unreachable","migrations":"unknown","public_keys":"ok"},"status":"unavailable"}"#
    );
    assert_eq!(browser.get("/health/live").await.status, 200);
}
