//! First-run set-up.

use chrono::TimeDelta;
use futures_util::future::join_all;
use keyway_console::setup_link;
use keyway_domain::ids::AccountId;
use keyway_testkit::log;

use crate::{
    browser::{Answer, Browser},
    support::{Console, PASSWORD, token},
};

const FILLED: [(&str, &str); 4] = [
    ("account", "Acme"),
    ("email", "Ada@Acme.Test"),
    ("password", PASSWORD),
    ("repeated", PASSWORD),
];

async fn link(console: &Console) -> Option<String> {
    let app = &console.app;
    let link = setup_link(
        &app.store,
        app.random.as_ref(),
        app.clock.as_ref(),
        &app.console_url,
    )
    .await
    .expect("an answer");
    link.map(|link| link.expose().clone())
}

/// The path of a fresh link.
async fn path(console: &Console) -> String {
    let link = link(console).await.expect("a link");
    let path = link.strip_prefix(console.app.console_url.as_str());
    path.expect("on the console").to_owned()
}

async fn set_up(browser: &Browser, path: &str, changes: &[(&str, &str)]) -> Answer {
    let csrf = browser.csrf().await;
    let mut fields = vec![("csrf", csrf.as_str())];
    for (name, value) in FILLED {
        let other = changes.iter().find(|(field, _)| *field == name);
        fields.push((name, other.map_or(value, |(_, other)| other)));
    }
    browser.post_as_is(path, &fields).await
}

async fn count(console: &Console, table: &str) -> i64 {
    let client = console.database.client().await;
    let query = format!("SELECT count(*) FROM {table}");
    client.query_one(&query, &[]).await.expect("a row").get(0)
}

async fn only_account(console: &Console) -> AccountId {
    let accounts = console.app.store.list_accounts().await.expect("accounts");
    assert_eq!(accounts.len(), 1);
    accounts[0].id
}

#[tokio::test]
async fn the_first_admin_is_made_once_and_signed_in() {
    let console = Console::start().await;
    let path = path(&console).await;
    let token = path.strip_prefix("/setup/").expect("a token").to_owned();
    let browser = console.browser();
    // Looking spends nothing.
    for _ in 0..3 {
        browser.get(&path).await.assert_page(200, "Set up Keyway");
    }
    let answer = set_up(&browser, &path, &[]).await;
    answer.assert_redirect("/?done=set-up");
    let overview = browser.get(answer.location()).await;
    overview.assert_page(200, "You are signed in as the first admin.");
    assert!(overview.body.contains("ada@acme.test"));
    let account = only_account(&console).await;
    let audit = console.audit(account).await;
    assert_eq!(audit, ["admin.created", "session.signed_in"]);
    // The link is spent, for this browser and for others.
    for browser in [browser, console.browser()] {
        let answer = browser.get(&path).await;
        answer.assert_page(410, "This link does not work any more");
        let answer = set_up(&browser, &path, &[("email", "eve@acme.test")]).await;
        answer.assert_page(410, "This link does not work any more");
        assert!(answer.log().contains("set-up link not open"));
    }
    assert_eq!(count(&console, "admins").await, 1);
    assert_eq!(link(&console).await, None);
    assert!(!log::all().contains(&token));
    assert!(!console.dump().await.contains(&token));
    console.signed_in("ada@acme.test").await;
}

#[tokio::test]
async fn of_64_who_set_up_one_wins() {
    let console = Console::start().await;
    let path = path(&console).await;
    let browser = console.browser();
    let csrf = browser.csrf().await;
    let tries = (0..64).map(|number| {
        let (browser, path, csrf) = (&browser, &path, &csrf);
        async move {
            let email = format!("admin{number}@acme.test");
            let fields = [
                ("csrf", csrf.as_str()),
                ("account", "Acme"),
                ("email", &email),
                ("password", PASSWORD),
                ("repeated", PASSWORD),
            ];
            browser.post_as_is(path, &fields).await.status
        }
    });
    let mut statuses = join_all(tries).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 303);
    assert!(statuses[1..].iter().all(|status| *status == 410));
    assert_eq!(count(&console, "admins").await, 1);
    assert_eq!(count(&console, "accounts").await, 1);
    assert_eq!(count(&console, "setup_links").await, 0);
    assert_eq!(count(&console, "console_sessions").await, 1);
}

#[tokio::test]
async fn a_link_that_opens_nothing_says_so() {
    let console = Console::start().await;
    let browser = console.browser();
    let gone = "This link does not work any more";
    let older = path(&console).await;
    let newer = path(&console).await;
    browser.get(&older).await.assert_page(410, gone);
    browser.get(&newer).await.assert_page(200, "Set up Keyway");
    for unknown in [
        format!("/setup/{}", token()),
        "/setup/short".into(),
        "/setup/%00".into(),
        format!("/setup/{}", "a".repeat(5000)),
    ] {
        browser.get(&unknown).await.assert_page(410, gone);
        let answer = set_up(&browser, &unknown, &[]).await;
        answer.assert_page(410, gone);
    }
    console.clock.advance(TimeDelta::hours(24));
    browser.get(&newer).await.assert_page(410, gone);
    set_up(&browser, &newer, &[]).await.assert_page(410, gone);
    assert_eq!(count(&console, "admins").await, 0);
}

#[tokio::test]
async fn a_link_is_worth_nothing_once_somebody_can_sign_in() {
    let console = Console::start().await;
    let path = path(&console).await;
    console.account("Acme", "a@acme.test").await;
    let browser = console.browser();
    let answer = set_up(&browser, &path, &[("email", "eve@acme.test")]).await;
    answer.assert_page(410, "This link does not work any more");
    assert_eq!(count(&console, "admins").await, 1);
}

#[tokio::test]
async fn each_field_is_checked_and_what_was_typed_is_kept() {
    let console = Console::start().await;
    let path = path(&console).await;
    let browser = console.browser();
    for (field, value, why) in [
        ("account", "", "an account name has 1 to 100 characters"),
        ("account", "\u{4e2d}", "an account name has 1 to 100"),
        ("account", &"a".repeat(101), "an account name has 1 to 100"),
        ("account", "Ac\u{0}me", "no control characters"),
        ("email", "nobody", "enter an e-mail address"),
        ("email", "", "enter an e-mail address"),
        ("password", "short", "a password has at least 12 characters"),
        ("password", &"a".repeat(513), "at most 512 characters"),
        ("repeated", "something else", "the two passwords differ"),
    ] {
        let answer = set_up(&browser, &path, &[(field, value)]).await;
        answer.assert_page(422, why);
        assert!(answer.body.contains(&format!("id=\"{field}-wrong\"")));
        if field != "email" {
            assert!(answer.body.contains("value=\"Ada@Acme.Test\""));
        }
        assert!(!answer.body.contains(PASSWORD));
    }
    assert_eq!(count(&console, "admins").await, 0);
    // None of these spent the link.
    let answer = set_up(&browser, &path, &[]).await;
    answer.assert_redirect("/?done=set-up");
}
