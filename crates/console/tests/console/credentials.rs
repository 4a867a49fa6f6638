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
    list.assert_page(200, "<code>linear_oauth2</code>");
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
    assert!(
        !page
            .body
            .contains("<form method=\"post\" action=\"/credentials")
    );
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
