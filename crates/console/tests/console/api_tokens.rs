//! API tokens: made, shown once, listed, revoked.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{api_token::ApiToken, audit::Actor, opaque::OpaqueToken as _};
use keyway_testkit::log;
use keyway_vault::digest;

use crate::{
    browser::Answer,
    support::Console,
    world::{PAGES, World},
};

const EMAIL: &str = "a@acme.test";

/// The token that an answer shows.
fn shown(answer: &Answer) -> ApiToken {
    let (_, rest) = answer
        .body
        .split_once("<code id=\"token\" class=\"take\">")
        .unwrap_or_else(|| panic!("no token: {answer:?}"));
    let text = rest.split('<').next().expect("a token");
    ApiToken::parse(text).unwrap_or_else(|| panic!("no token: {text}"))
}

async fn make(world: &World, fields: &[(&str, &str)]) -> Answer {
    world.browser.post("/api-tokens/new", fields).await
}

const FILLED: [(&str, &str); 4] = [
    ("name", " Billing "),
    ("scope", "credentials:read"),
    ("scope", "credentials:token"),
    ("life", "30"),
];

#[tokio::test]
async fn an_empty_list_teaches() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let page = browser.get("/api-tokens").await;
    page.assert_page(200, "No API token yet");
}

#[tokio::test]
async fn a_token_is_made_as_ticked_and_is_good() {
    let world = World::new().await;
    let made = make(&world, &FILLED).await;
    made.assert_page(200, "Copy it now");
    made.assert_page(200, "https://keyway.example/v1/credentials");
    let now = world.console.now();
    let store = &world.console.app.store;
    let digest = digest::unkeyed(&shown(&made));
    let found =
        async |at: DateTime<Utc>| store.find_api_token(digest, at).await.expect("an answer");
    let token = found(now).await.expect("good");
    assert_eq!(token.account_id, world.ours.account);
    let month = TimeDelta::days(30);
    assert!(found(now + month - TimeDelta::seconds(1)).await.is_some());
    assert!(found(now + month).await.is_none());
    let listed = store.list_api_tokens(world.ours.account).await;
    let listed = listed.expect("a list").remove(0);
    assert_eq!(listed.name, "Billing");
    assert_eq!(listed.scopes, ["credentials:read", "credentials:token"]);
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"api_token.created".to_owned()));
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_nowhere() {
    let world = World::new().await;
    let made = make(&world, &FILLED).await;
    let token = shown(&made);
    let secret = token.secret().expose();
    assert_eq!(made.body.matches(secret.as_str()).count(), 1);
    assert!(!format!("{:?}", made.headers).contains(secret));
    assert!(made.cookies().is_empty());
    assert_eq!(made.header("cache-control"), Some("no-store"));
    for route in PAGES {
        let page = world.browser.get(&world.ours.path(route)).await;
        assert!(!page.body.contains(secret), "{route}");
    }
    assert!(!world.console.dump().await.contains(secret));
    assert!(!log::all().contains(secret));
}

#[tokio::test]
async fn a_token_may_never_end() {
    let world = World::new().await;
    let fields = [("name", "Old"), ("scope", "proxy"), ("life", "never")];
    let made = make(&world, &fields).await;
    let later = world.console.now() + TimeDelta::days(36_500);
    let digest = digest::unkeyed(&shown(&made));
    let found = world.console.app.store.find_api_token(digest, later).await;
    assert!(found.expect("an answer").is_some());
}

#[tokio::test]
async fn what_is_missing_is_said_and_what_was_ticked_stays() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let long = "x".repeat(101);
    for (name, sentence) in [
        ("", "enter a name"),
        (" ", "enter a name"),
        (long.as_str(), "at most 100 characters"),
        ("a\u{7}b", "no control characters"),
    ] {
        let fields = [("name", name), ("scope", "events:read"), ("life", "7")];
        let answer = make(&world, &fields).await;
        answer.assert_page(422, sentence);
        answer.assert_page(422, "value=\"events:read\" checked");
        answer.assert_page(422, "value=\"7\" selected");
        assert_eq!(answer.body.matches(" checked").count(), 1);
    }
    let answer = make(&world, &[("name", "Kept"), ("life", "7")]).await;
    answer.assert_page(422, "tick at least one");
    answer.assert_page(422, "value=\"Kept\"");
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn what_no_page_of_ours_sends_is_not_understood() {
    let world = World::new().await;
    let before = world.console.dump().await;
    for fields in [
        [("name", "x"), ("scope", "everything"), ("life", "7")],
        [("name", "x"), ("scope", "proxy"), ("life", "8")],
        [("name", "x"), ("scope", "proxy"), ("lives", "7")],
    ] {
        let answer = make(&world, &fields).await;
        answer.assert_page(400, "does not fit this page");
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_revoked_token_is_gone_for_good() {
    let world = World::new().await;
    let (id, token) = world
        .console
        .api_token(world.ours.account, "Leaked <b>")
        .await;
    let path = format!("/api-tokens/{id}/revoke");
    let asked = world.browser.get(&path).await;
    asked.assert_page(200, "Revoke Leaked &#60;b&#62;?");
    asked.assert_page(200, "It was never used.");
    let revoked = world.browser.post(&path, &[]).await;
    revoked.assert_redirect("/api-tokens?done=token-revoked");
    let list = world.browser.get("/api-tokens?done=token-revoked").await;
    list.assert_page(200, "It is refused from now on.");
    assert!(!list.body.contains("Leaked"));
    let now = world.console.now();
    let store = &world.console.app.store;
    let found = store.find_api_token(digest::unkeyed(&token), now).await;
    assert!(found.expect("an answer").is_none());
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"api_token.revoked".to_owned()));
    world
        .browser
        .post(&path, &[])
        .await
        .assert_page(404, "gone");
}

#[tokio::test]
async fn the_list_says_what_ended_and_what_was_used() {
    let world = World::new().await;
    let store = &world.console.app.store;
    let (id, _) = world.console.api_token(world.ours.account, "Busy").await;
    let now = world.console.now();
    let (used, at) = ([id], now - TimeDelta::minutes(3));
    let noted = store.note_api_tokens_used(&used, at).await;
    noted.expect("noted");
    make(
        &world,
        &[("name", "Short"), ("scope", "proxy"), ("life", "7")],
    )
    .await;
    let list = world.browser.get("/api-tokens").await;
    list.assert_page(200, "3 minutes ago");
    list.assert_page(200, "in 7 days");
    assert!(!list.body.contains("ended</span>"));
    world.console.clock.advance(TimeDelta::days(7));
    let browser = world.console.signed_in(&world.ours.email).await;
    let list = browser.get("/api-tokens").await;
    list.assert_page(200, "ended</span>");
    let revoked = store.delete_api_token(world.theirs.account, id, Actor::Operator, now);
    assert!(!revoked.await.expect("an answer"), "another account's");
}
