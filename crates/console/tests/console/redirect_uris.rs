//! Redirect URIs: list, preview, add, remove.

use crate::{browser::escaped, support::Console, world::World};

const EMAIL: &str = "a@acme.test";
const TEMPLATE: &str = "https://new.example/cb/:provider?p=:provider";

#[tokio::test]
async fn a_uri_is_listed_as_it_is_for_the_accounts_providers() {
    let world = World::new().await;
    let page = world.browser.get("/redirect-uris").await;
    page.assert_page(200, "https://acme.example/back/:provider");
    page.assert_page(200, "https://acme.example/back/linear");
    page.assert_page(200, "https://acme.example/back/salesforce");
    assert!(!page.body.contains("https://acme.example/back/github"));
}

#[tokio::test]
async fn without_an_app_the_preview_takes_examples() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let page = browser.get("/redirect-uris").await;
    page.assert_page(200, "None yet.");
    let fields = [("uri", TEMPLATE), ("preview", "1")];
    let page = browser.post("/redirect-uris", &fields).await;
    page.assert_page(200, "examples: no OAuth app yet");
    page.assert_page(200, "https://new.example/cb/airtable?p=airtable");
}

#[tokio::test]
async fn a_preview_expands_and_saves_nothing() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let fields = [("uri", TEMPLATE), ("preview", "1")];
    let page = world.browser.post("/redirect-uris", &fields).await;
    page.assert_page(200, "https://new.example/cb/linear?p=linear");
    page.assert_page(200, "https://new.example/cb/salesforce?p=salesforce");
    page.assert_page(200, &format!("value=\"{TEMPLATE}\""));
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_uri_is_added_once_and_removed_after_a_question() {
    let world = World::new().await;
    let spaced = format!("  {TEMPLATE}\n");
    let answer = world
        .browser
        .post("/redirect-uris", &[("uri", &spaced)])
        .await;
    answer.assert_redirect("/redirect-uris?done=uri-added");
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The redirect URI is added.");
    page.assert_page(200, TEMPLATE);
    let answer = world
        .browser
        .post("/redirect-uris", &[("uri", TEMPLATE)])
        .await;
    answer.assert_page(422, "this redirect URI is registered already");
    // Another account may have the same.
    let theirs = world.console.signed_in(&world.theirs.email).await;
    let answer = theirs.post("/redirect-uris", &[("uri", TEMPLATE)]).await;
    assert_eq!(answer.status, 303);

    let path = world.ours.path("/redirect-uris/{uri}/delete");
    let page = world.browser.get(&path).await;
    page.assert_page(200, "https://acme.example/back/:provider");
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_redirect("/redirect-uris?done=uri-removed");
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The redirect URI is removed.");
    assert!(!page.body.contains("acme.example"));
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_page(404, "There is no such page here");
    let audit = world.console.audit(world.ours.account).await;
    let ours = audit
        .iter()
        .filter(|action| action.starts_with("redirect_uri."));
    let ours: Vec<_> = ours.collect();
    assert_eq!(
        ours,
        [
            "redirect_uri.added",
            "redirect_uri.added",
            "redirect_uri.removed"
        ]
    );
}

#[tokio::test]
async fn a_uri_that_cannot_be_registered_is_kept_with_the_reason() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let long = format!("https://example.com/{}", "a".repeat(2000));
    for (typed, why) in [
        ("", "enter a complete URL"),
        ("example.com/cb", "enter a complete URL"),
        ("javascript:alert(1)", "enter a complete URL"),
        ("http://example.com/cb", "use https"),
        ("https://u:p@example.com/cb", "no user name or password"),
        ("https://example.com/#x", "no fragment"),
        ("https://*.example.com/", "no wildcard"),
        (
            "https://:provider.example.com/",
            "in the path or the query only",
        ),
        (
            "https://example.com/?state=1",
            "the query must not hold code",
        ),
        ("https://example.com/a b", "only plain URL characters"),
        (
            "https://example.com/\"><script>",
            "only plain URL characters",
        ),
        ("https://b\u{fc}cher.example/", "only plain URL characters"),
        (
            "https://EXAMPLE.com/cb",
            "write it as https://example.com/cb",
        ),
        (long.as_str(), "at most 2,000 characters"),
    ] {
        for fields in [
            &[("uri", typed)][..],
            &[("uri", typed), ("preview", "1")][..],
        ] {
            let answer = world.browser.post("/redirect-uris", fields).await;
            answer.assert_page(422, why);
            let kept = format!("name=\"uri\" value=\"{}\"", escaped(typed));
            assert!(answer.body.contains(&kept), "{kept}");
            assert!(answer.body.contains("id=\"uri-wrong\""));
        }
    }
    assert_eq!(world.console.dump().await, before);
}
