//! Providers: the catalogue, and what accounts add to it.

use keyway_domain::provider::ProviderSlug;

use crate::world::{DEFINITION, World};

/// The fields of a form that would be accepted, with one of another value.
fn form<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("slug", "acme-crm"),
        ("name", "Acme <CRM>"),
        ("category", "crm"),
        ("documentation", "https://acme.example/docs"),
        ("authorize_url", "https://acme.example/authorize"),
        ("token_url", "https://acme.example/token"),
        ("client_authentication", "post"),
        ("pkce", "none"),
        ("scopes", "read write"),
        ("separator", "comma"),
        ("refresh", "static"),
        ("identity_url", "https://acme.example/me"),
        ("id_path", "data.id"),
        ("label_path", "data.email"),
    ];
    for field in &mut fields {
        if field.0 == name {
            field.1 = value;
        }
    }
    fields
}

#[tokio::test]
async fn the_catalogue_is_searched_and_paged() {
    let world = World::new().await;
    let all = world.browser.get("/providers").await;
    all.assert_page(200, "1 to 60 of");
    assert!(all.body.contains("/providers?page=2"));
    assert!(all.body.contains("href=\"/providers/acme-own\""));
    let found = world
        .browser
        .get("/providers?q=hubsp&category=crm&auth=oauth2&certainty=")
        .await;
    found.assert_page(200, "href=\"/providers/hubspot\"");
    assert!(!found.body.contains("href=\"/providers/linear\""));
    for nothing in ["q=no-such-thing", "auth=magic", "category=none", "page=999"] {
        let answer = world.browser.get(&format!("/providers?{nothing}")).await;
        answer.assert_page(200, "No provider matches");
    }
}

#[tokio::test]
async fn a_page_says_how_a_provider_is_connected() {
    let world = World::new().await;
    let page = world.browser.get("/providers/shopify").await;
    page.assert_page(200, "https://keyway.example/link/oauth2/callback/shopify");
    for text in [
        "href=\"/oauth-apps/new/shopify\"",
        "shopify_oauth2",
        "<code>shop</code>",
        "checked 20",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains("/providers/shopify/edit"));
    world
        .browser
        .get("/providers/unheard-of")
        .await
        .assert_page(404, "no such page");
    world
        .browser
        .get("/providers/linear/edit")
        .await
        .assert_page(404, "no such page");
}

#[tokio::test]
async fn a_form_makes_a_provider_that_can_be_registered_at_once() {
    let world = World::new().await;
    let made = world.browser.post("/providers/new", &form("", "")).await;
    made.assert_redirect("/providers/acme-crm?done=provider-saved");
    let page = world.browser.get("/providers/acme-crm").await;
    page.assert_page(200, "Acme &#60;CRM&#62;");
    assert!(page.body.contains("in use"));
    world
        .browser
        .get("/oauth-apps/new/acme-crm")
        .await
        .assert_page(200, "Register Acme");
    let slug = ProviderSlug::parse("acme-crm").expect("a slug");
    let found = world
        .console
        .app
        .catalogue
        .find(world.ours.account, &slug)
        .await;
    let definition = &found.expect("an answer").expect("the provider").definition;
    assert_eq!(definition.scope_separator(), ",");
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"provider.saved".to_owned()), "{audit:?}");
}

#[tokio::test]
async fn a_broken_form_is_refused_with_line_and_reason_and_nothing_is_lost() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let fields = form("token_url", "http://acme.example/token");
    let refused = world.browser.post("/providers/new", &fields).await;
    refused.assert_page(422, "<strong>Line ");
    assert!(refused.body.contains("token.url: "), "{}", refused.body);
    assert!(refused.body.contains("id=\"token_url-wrong\""));
    for (name, value) in fields {
        let kept = match name {
            "category" | "client_authentication" | "pkce" | "separator" | "refresh" => {
                let choice = format!("<option value=\"{value}\" selected>");
                refused.body.contains(&choice)
                    || refused.body.contains(&format!("<option selected>{value}<"))
            }
            _ => refused.body.contains(&crate::browser::escaped(value)),
        };
        assert!(kept, "{name} is lost");
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_broken_text_is_refused_with_line_and_reason_and_nothing_is_lost() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let no_toml = DEFINITION.replace("category = \"other\"", "category = ");
    let unknown = format!("{DEFINITION}mystery = 1\n");
    let plain = DEFINITION.replace("https://own.example/token", "http://own.example/token");
    let variants = format!("{DEFINITION}[variants.other]\nname = \"Other\"\n");
    let broken = [
        (no_toml, "Line 2:"),
        (unknown, "Line 8:"),
        (plain, "Line 7:"),
        (variants, "a provider of your own has none"),
    ];
    for (text, words) in broken {
        for (path, rest) in [
            ("/providers/new/text", ("slug", "another")),
            ("/providers/acme-own/edit", ("follows", "1")),
        ] {
            let refused = world.browser.post(path, &[("text", &text), rest]).await;
            refused.assert_page(422, words);
            assert!(
                refused.body.contains(&crate::browser::escaped(&text)),
                "{path} {words}"
            );
        }
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let world = World::new().await;
    for (slug, why) in [
        ("linear", "linear is taken"),
        ("new", "new is taken"),
        ("acme-own", "has a provider acme-own already"),
        ("Not a slug", "a provider slug is"),
    ] {
        let fields = [("slug", slug), ("text", DEFINITION)];
        world
            .browser
            .post("/providers/new/text", &fields)
            .await
            .assert_page(422, why);
        world
            .browser
            .post("/providers/new", &form("slug", slug))
            .await
            .assert_page(422, why);
    }
}

#[tokio::test]
async fn versions_follow_each_other_and_an_older_one_can_return() {
    let world = World::new().await;
    let newer = DEFINITION.replace("\"Own\"", "\"Newer\"");
    let save = async |follows: &str| {
        let fields = [
            ("text", newer.as_str()),
            ("note", "Renamed"),
            ("follows", follows),
        ];
        world
            .browser
            .post("/providers/acme-own/edit", &fields)
            .await
    };
    save("1")
        .await
        .assert_redirect("/providers/acme-own?done=provider-saved");
    let overtaken = save("1").await;
    overtaken.assert_page(422, "Somebody else saved version 2 meanwhile");
    assert_eq!(overtaken.field("follows"), "2");
    let page = world.browser.get("/providers/acme-own").await;
    page.assert_page(200, "<h1>Newer</h1>");
    assert!(page.body.contains("Renamed") && page.body.contains("admin@acme.test"));

    let restored = world
        .browser
        .post("/providers/acme-own/restore", &[("version", "1")])
        .await;
    restored.assert_redirect("/providers/acme-own?done=provider-restored");
    let page = world.browser.get("/providers/acme-own").await;
    page.assert_page(200, "<h1>Acme Own</h1>");
    assert!(page.body.contains("Version 1 restored"));
    let unknown = world
        .browser
        .post("/providers/acme-own/restore", &[("version", "9")])
        .await;
    unknown.assert_page(404, "no such page");
}

#[tokio::test]
async fn one_in_use_is_not_deleted() {
    let world = World::new().await;
    let account = world.ours.account;
    world
        .console
        .oauth_app(account, "acme-own", "Own app", "own-client")
        .await;
    let refused = world.browser.post("/providers/acme-own/delete", &[]).await;
    refused.assert_page(409, "an OAuth app needs it");
    // Whoever edits it is told what that means.
    let edit = world.browser.get("/providers/acme-own/edit").await;
    edit.assert_page(200, "An OAuth app uses this provider.");
    let theirs = world
        .browser
        .post("/providers/globex-own/delete", &[])
        .await;
    theirs.assert_page(404, "no such page");
}

#[tokio::test]
async fn one_that_this_release_cannot_use_says_so_and_can_be_mended() {
    let world = World::new().await;
    let outdated = format!("{DEFINITION}long_gone = true\n");
    world
        .console
        .own_provider(world.ours.account, "old", &outdated)
        .await;
    world
        .browser
        .get("/providers/old")
        .await
        .assert_page(200, "cannot use the definition");
    world
        .browser
        .get("/providers/old/edit")
        .await
        .assert_page(200, "Line 8:");
    let fields = [("text", DEFINITION), ("follows", "1")];
    let mended = world.browser.post("/providers/old/edit", &fields).await;
    mended.assert_redirect("/providers/old?done=provider-saved");
}
