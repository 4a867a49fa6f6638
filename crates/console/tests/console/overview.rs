//! The overview: numbers, next steps, start links, recent flows.

use crate::{flows::Progress, support::Console, world::World};

const EMAIL: &str = "a@acme.test";

#[tokio::test]
async fn the_steps_to_the_first_connection_are_ticked_one_by_one() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let done = async || {
        let page = browser.get("/").await;
        page.assert_page(200, "Overview");
        page.body.matches("<li class=\"done\">").count()
    };
    assert_eq!(done().await, 0);
    let page = browser.get("/").await;
    page.assert_page(200, "No flow has been started yet.");
    assert!(!page.body.contains("Start links"));
    let app = console.oauth_app(account, "linear", "Mine", "id").await;
    assert_eq!(done().await, 1);
    console
        .redirect_uri(account, "https://acme.example/back/:provider")
        .await;
    assert_eq!(done().await, 2);
    let page = browser.get("/").await;
    page.assert_page(200, "Start links");
    page.assert_page(
        200,
        &format!(
            "https://keyway.example/link/oauth2/start?client_id={app}&#38;redirect_uri=https%3A%2F%2Facme.example%2Fback%2Flinear"
        ),
    );
    console.flow(account, app, Progress::Connected("Org")).await;
    let page = browser.get("/").await;
    assert!(!page.body.contains("To your first connection"));
    page.assert_page(200, "Start links");
}

#[tokio::test]
async fn the_numbers_are_the_accounts_own_and_of_one_day() {
    let world = World::new().await;
    let numbers = async || -> Vec<String> {
        let page = world.browser.get("/").await;
        page.body
            .split("<span class=\"number\">")
            .skip(1)
            .map(|rest| rest.split('<').next().expect("a number").to_owned())
            .collect()
    };
    assert_eq!(numbers().await, ["2", "1", "1", "1", "1"]);
    let page = world.browser.get("/").await;
    page.assert_page(200, "The provider refused the code.");
    page.assert_page(200, "Acme Org");
    world.console.clock.advance(chrono::TimeDelta::hours(25));
    let browser = world.console.signed_in(&world.ours.email).await;
    let page = browser.get("/").await;
    page.assert_page(200, "<span class=\"number\">0</span> <span>failed (24 h)");
    page.assert_page(
        200,
        "<span class=\"number\">0</span> <span>connected (24 h)",
    );
}
