//! Credentials: list and detail.

use crate::{flows::Progress, support::Console, world::World};

const EMAIL: &str = "a@acme.test";

#[tokio::test]
async fn an_empty_list_teaches() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let page = browser.get("/credentials").await;
    page.assert_page(200, "No credential yet");
}

#[tokio::test]
async fn a_credential_is_listed_and_shown() {
    let world = World::new().await;
    let list = world.browser.get("/credentials").await;
    list.assert_page(200, "Acme Org");
    list.assert_page(200, "Acme Linear");
    list.assert_page(200, "<span class=\"tag ok\">Works</span>");
    let page = world
        .browser
        .get(&world.ours.path("/credentials/{credential}"))
        .await;
    page.assert_page(200, "<h1>Acme Org</h1>");
    for property in [
        "access_token",
        "refresh_token",
        "linear_org_name",
        "[&#34;one&#34;,&#34;two&#34;]",
        ">12<",
    ] {
        assert!(page.body.contains(property), "{property}");
    }
    // Masked: as many as there are secrets.
    assert_eq!(page.body.matches("***********").count(), 2);
    assert!(page.body.contains("in 59 minutes"));
}

#[tokio::test]
async fn a_long_list_goes_on() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let app = console.oauth_app(account, "linear", "App", "id").await;
    for number in 0..51 {
        let label = format!("Org {number:03}");
        console
            .flow(account, app, Progress::Connected(&label))
            .await;
    }
    let browser = console.signed_in(EMAIL).await;
    for room in ["/credentials", "/flow-log"] {
        let first = browser.get(room).await;
        assert!(first.body.contains("Org 050") && first.body.contains("Org 001"));
        assert!(!first.body.contains("Org 000"));
        let (_, rest) = first.body.split_once("?before=").expect("a next page");
        let next = format!("{room}?before={}", &rest[..36]);
        let second = browser.get(&next).await;
        second.assert_page(200, "Org 000");
        second.assert_page(200, "This is the end of the list.");
        assert!(!second.body.contains("Org 001"));
        assert!(second.body.contains(&format!("href=\"{room}\">Newest")));
    }
}

#[tokio::test]
async fn a_credential_is_found_by_what_people_call_it() {
    let world = World::new().await;
    let client = world.console.database.client().await;
    client
        .execute(
            "UPDATE credentials SET name = 'Northern <Office>', end_user_id = 'user-77',
                    end_user_name = 'Ada', end_user_email = 'ada@acme.test', metadata = '{\"plan\": \"large\"}'
             WHERE id::text = $1",
            &[&world.ours.credential.to_string()],
        )
        .await
        .expect("updated");
    for q in ["acme+o", "NORTHERN", "user-7", "org-"] {
        let list = world.browser.get(&format!("/credentials?q={q}")).await;
        list.assert_page(200, "Northern &#60;Office&#62;");
        assert!(!list.body.contains("Globex"), "{q}");
    }
    let none = world.browser.get("/credentials?q=%25&health=").await;
    none.assert_page(200, "No credential is like that.");
    let theirs = world.browser.get("/credentials?q=Globex").await;
    theirs.assert_page(200, "No credential is like that.");
    let id = world.ours.credential;
    let by_id = world.browser.get(&format!("/credentials?q={id}")).await;
    by_id.assert_redirect(&format!("/credentials/{id}"));
    let theirs = world.theirs.credential;
    let by_id = world.browser.get(&format!("/credentials?q={theirs}")).await;
    by_id.assert_page(200, "No credential is like that.");
    let page = world.browser.get(&format!("/credentials/{id}")).await;
    for text in [
        "<h1>Northern &#60;Office&#62;</h1>",
        "Ada",
        "ada@acme.test",
        "user-77",
    ] {
        page.assert_page(200, text);
    }
    page.assert_page(200, "&#34;plan&#34;: &#34;large&#34;");
}

#[tokio::test]
async fn a_search_goes_on_with_what_was_searched_for() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let app = console.oauth_app(account, "linear", "App", "id").await;
    for number in 0..52 {
        let label = format!("Org &{number:03}");
        let made = console
            .flow(account, app, Progress::Connected(&label))
            .await;
        console
            .ail(made.credential.expect("one"), "warn", "x")
            .await;
    }
    let browser = console.signed_in(EMAIL).await;
    let first = browser.get("/credentials?q=org+%26&health=warn").await;
    let link = "href=\"/credentials?q=org+%26&#38;health=warn&#38;before=";
    let (_, rest) = first.body.split_once(link).expect("a next page");
    let next = format!("/credentials?q=org+%26&health=warn&before={}", &rest[..36]);
    let second = browser.get(&next).await;
    second.assert_page(200, "Org &#38;001");
    second.assert_page(200, "Org &#38;000");
    assert!(!second.body.contains("Org &#38;002"));
    second.assert_page(
        200,
        "href=\"/credentials?q=org+%26&#38;health=warn\">Newest",
    );
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_not_understood() {
    let world = World::new().await;
    let long = format!("/credentials?q={}", "x".repeat(201));
    for path in [
        long.as_str(),
        "/credentials?q=%00",
        "/credentials?health=ill",
    ] {
        let answer = world.browser.get(path).await;
        answer.assert_page(400, "does not fit this page");
    }
}
