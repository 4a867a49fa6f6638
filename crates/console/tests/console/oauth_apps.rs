//! OAuth apps: list, register, detail, edit, replace the secret, delete.

use crate::{browser::Answer, flows::Progress, support::Console, world::World};

const EMAIL: &str = "a@acme.test";

#[tokio::test]
async fn an_empty_list_teaches_and_leads_on() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let list = browser.get("/oauth-apps").await;
    list.assert_page(200, "No OAuth app yet");
    assert!(list.body.contains("href=\"/oauth-apps/new\""));
}

#[tokio::test]
async fn providers_are_found_without_a_script() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let all = browser.get("/oauth-apps/new").await;
    for provider in console.app.catalogue.installed().iter() {
        let link = format!("href=\"/oauth-apps/new/{}\"", provider.slug);
        assert!(all.body.contains(&link), "{link}");
    }
    let found = browser.get("/oauth-apps/new?q=SALES").await;
    assert!(found.body.contains("/oauth-apps/new/salesforce"));
    assert!(!found.body.contains("/oauth-apps/new/linear"));
    let none = browser.get("/oauth-apps/new?q=%3Cscript%3E").await;
    none.assert_page(200, "No provider matches “&#60;script&#62;”");
    let answer = browser.get("/oauth-apps/new/no-such-provider").await;
    answer.assert_page(404, "There is no such page here");
}

#[tokio::test]
async fn each_provider_can_be_registered_with_its_own_guide() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let app = console.app.clone();
    // One of every ten, whatever it is: each has its page, and hundreds would take minutes.
    let some: Vec<_> = app.catalogue.installed().iter().step_by(10).collect();
    for provider in &some {
        let path = format!("/oauth-apps/new/{}", provider.slug);
        let page = browser.get(&path).await;
        let own = provider.definition.admins_variables();
        let own: Vec<(String, String)> = own
            .map(|(name, rule)| {
                let known = rule.default.clone().or(rule.example.clone());
                (format!("variable.{name}"), known.expect("an example"))
            })
            .collect();
        let own = own
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        if provider.definition.auth.is_entered() {
            page.assert_page(200, "No client is needed");
            assert!(!page.body.contains("the scopes"), "{}", page.body);
            let fields: Vec<(&str, &str)> = own.chain([("name", "Mine")]).collect();
            let answer = browser.post(&path, &fields).await;
            answer.assert_page(200, "Copy the client secret now");
            continue;
        }
        let callback = format!(
            "https://keyway.example/link/oauth2/callback/{}",
            provider.slug
        );
        page.assert_page(200, &callback);
        for step in &provider.definition.setup.steps {
            let step = crate::browser::escaped(step);
            assert!(page.body.contains(&step), "{step}");
        }
        let mut fields = vec![
            ("name", "Mine"),
            ("client_id", "id"),
            ("client_secret", "s"),
        ];
        fields.extend(own);
        let answer = browser.post(&path, &fields).await;
        assert_eq!(answer.status, 303, "{}: {answer:?}", provider.slug);
        let detail = browser.get(answer.location()).await;
        detail.assert_page(200, "Registered. The client secret is sealed");
        assert!(detail.body.contains(&callback));
    }
    let list = browser.get("/oauth-apps").await;
    let rows = list.body.matches("data-label=\"Name\"").count();
    assert_eq!(rows, some.len());
}

#[tokio::test]
async fn an_app_is_shown_with_all_that_one_copies() {
    let world = World::new().await;
    let (app, path) = (world.ours.app, world.ours.path("/oauth-apps/{app}"));
    let page = world.browser.get(&path).await;
    let id = app.to_string();
    for shown in [
        "Acme Linear",
        id.as_str(),
        "https://keyway.example/link/oauth2/callback/linear",
        "https://acme.example/back/linear",
        "curl https://keyway.example/link/oauth2/token",
        // The catalogue's default.
        "<code>read</code>",
    ] {
        page.assert_page(200, shown);
    }
    let start = format!(
        "https://keyway.example/link/oauth2/start?client_id={app}&#38;redirect_uri=https%3A%2F%2Facme.example%2Fback%2Flinear"
    );
    page.assert_page(200, &start);
    let list = world.browser.get("/oauth-apps").await;
    list.assert_page(200, &id);
}

#[tokio::test]
async fn an_app_that_signs_shows_where_its_public_keys_are() {
    let world = World::new().await;
    let page = world.browser.get("/oauth-apps/new/signing").await;
    page.assert_page(200, "A private key in PEM");
    let fields = [
        ("name", "Mine"),
        ("client_id", "id"),
        (
            "client_secret",
            "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
        ),
        ("scopes", ""),
    ];
    let answer = world.browser.post("/oauth-apps/new/signing", &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let apps = world.console.app.store.list_oauth_apps(world.ours.account);
    let apps = apps.await.expect("apps");
    let app = apps.iter().find(|app| app.provider.as_str() == "signing");
    let id = app.expect("registered").id;
    let page = world.browser.get(&format!("/oauth-apps/{id}")).await;
    page.assert_page(
        200,
        &format!("https://keyway.example/link/oauth2/jwks/{id}"),
    );
    let other = world
        .browser
        .get(&world.ours.path("/oauth-apps/{app}"))
        .await;
    assert!(!other.body.contains("/link/oauth2/jwks/"));
}

async fn register(world: &World, fields: &[(&str, &str)]) -> Answer {
    world.browser.post("/oauth-apps/new/linear", fields).await
}

#[tokio::test]
async fn each_field_is_checked_and_what_was_typed_is_kept() {
    let world = World::new().await;
    let filled = [
        ("name", "Typed name"),
        ("client_id", "typed-id"),
        ("client_secret", "typed-secret"),
        ("scopes", "typed:scope"),
    ];
    let before = world.console.dump().await;
    let long = "a".repeat(501);
    for (field, value, why) in [
        ("name", "", "enter a name"),
        ("name", " \t ", "enter a name"),
        ("name", "a\u{0}b", "no control characters"),
        ("name", long.as_str(), "at most 100 characters"),
        ("client_id", "", "enter the client ID"),
        ("client_id", "two words", "a client ID has no spaces"),
        ("client_id", "a\u{0}b", "a client ID has no spaces"),
        ("client_id", long.as_str(), "at most 500 characters"),
        ("client_secret", "", "enter the client secret"),
        (
            "client_secret",
            "a\u{0}b",
            "this does not look like a client secret",
        ),
        ("scopes", "a\"b", "a scope may hold only visible ASCII"),
        ("scopes", "caf\u{e9}", "a scope may hold only visible ASCII"),
    ] {
        let fields = filled.map(|(name, typed)| (name, if name == field { value } else { typed }));
        let answer = register(&world, &fields).await;
        answer.assert_page(422, why);
        assert!(answer.body.contains(&format!("id=\"{field}-wrong\"")));
        for (name, typed) in filled {
            let kept = answer.body.contains(typed);
            assert_eq!(kept, name != field && name != "client_secret", "{name}");
        }
        assert_eq!(answer.body.matches("aria-invalid=\"true\"").count(), 1);
    }
    assert_eq!(world.console.dump().await, before);
    let answer = register(&world, &[("name", "x")]).await;
    answer.assert_page(400, "What was sent does not fit this page.");
}

#[tokio::test]
async fn a_client_id_is_registered_once_per_account_and_provider() {
    let world = World::new().await;
    let fields = [
        ("name", "Twin"),
        ("client_id", " acme\n"),
        ("client_secret", "s"),
    ];
    let answer = register(&world, &fields).await;
    answer.assert_page(422, "this client ID of Linear is registered already");
    assert!(answer.body.contains("id=\"client_id-wrong\""));
    // At another provider, or of another account, it is another client.
    let answer = world.browser.post("/oauth-apps/new/github", &fields).await;
    assert_eq!(answer.status, 303);
    let theirs = world.console.signed_in(&world.theirs.email).await;
    let answer = theirs.post("/oauth-apps/new/linear", &fields).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn name_and_scopes_can_be_edited() {
    let world = World::new().await;
    let app = world.ours.app;
    let path = format!("/oauth-apps/{app}/edit");
    let page = world.browser.get(&path).await;
    page.assert_page(200, "value=\"Acme Linear\"");
    let fields = [("name", " Renamed "), ("scopes", "read,write\nadmin read")];
    let answer = world.browser.post(&path, &fields).await;
    answer.assert_redirect(&format!("/oauth-apps/{app}?done=saved"));
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "Saved.");
    page.assert_page(200, "<h1>Renamed</h1>");
    page.assert_page(200, "<code>read write admin</code>");
    // Blank returns to the catalogue's default.
    let fields = [("name", "Renamed"), ("scopes", " ")];
    world.browser.post(&path, &fields).await;
    let page = world.browser.get(&format!("/oauth-apps/{app}")).await;
    page.assert_page(200, "catalogue’s default");
    let fields = [("name", ""), ("scopes", "typed:scope")];
    let answer = world.browser.post(&path, &fields).await;
    answer.assert_page(422, "enter a name");
    answer.assert_page(422, "typed:scope");
    let audit = world.console.audit(world.ours.account).await;
    let updates = audit.iter().filter(|action| *action == "oauth_app.updated");
    assert_eq!(updates.count(), 2);
}

#[tokio::test]
async fn an_app_is_deleted_after_a_question() {
    let world = World::new().await;
    let path = format!("/oauth-apps/{}/delete", world.ours.idle_app);
    let page = world.browser.get(&path).await;
    page.assert_page(200, "Delete Acme Idle?");
    // The question alone deletes nothing.
    let page = world.browser.get("/oauth-apps").await;
    page.assert_page(200, "Acme Idle");
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_redirect("/oauth-apps?done=app-deleted");
    let list = world.browser.get(answer.location()).await;
    list.assert_page(200, "The OAuth app is deleted.");
    assert!(!list.body.contains("Acme Idle"));
    world.browser.get(&path).await.assert_page(404, "Not found");
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"oauth_app.deleted".to_owned()));
}

#[tokio::test]
async fn an_app_in_use_is_not_deleted() {
    let world = World::new().await;
    let path = format!("/oauth-apps/{}/delete", world.ours.app);
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_page(409, "Acme Linear is in use and was not deleted.");
    let page = world
        .browser
        .get(&world.ours.path("/oauth-apps/{app}"))
        .await;
    page.assert_page(200, "Acme Linear");
}

#[tokio::test]
async fn a_flow_that_is_not_redeemed_keeps_no_app() {
    let world = World::new().await;
    let (account, idle) = (world.ours.account, world.ours.idle_app);
    let console = &world.console;
    console.flow(account, idle, Progress::Issued("Soon")).await;
    let path = format!("/oauth-apps/{idle}/delete");
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_redirect("/oauth-apps?done=app-deleted");
}

#[tokio::test]
async fn an_app_of_a_provider_that_is_gone_is_still_shown() {
    let world = World::new().await;
    let app = world
        .console
        .oauth_app(world.ours.account, "gone-provider", "Orphan", "id")
        .await;
    let page = world.browser.get(&format!("/oauth-apps/{app}")).await;
    page.assert_page(200, "not in the catalogue");
    let page = world.browser.get(&format!("/oauth-apps/{app}/edit")).await;
    page.assert_page(200, "is gone from the catalogue");
    for path in ["/", "/oauth-apps", "/redirect-uris"] {
        world
            .browser
            .get(path)
            .await
            .assert_page(200, "gone-provider");
    }
}

mod client {
    //! How the app's backend proves itself at the OAuth endpoints.

    use crate::world::World;

    #[tokio::test]
    async fn settings_are_shown_saved_and_refused_by_field() {
        let world = World::new().await;
        let path = format!("/oauth-apps/{}/client", world.ours.app);
        let page = world.browser.get(&path).await;
        page.assert_page(200, "OAuth client");
        assert!(page.body.contains("value=\"client_secret_basic\" checked"));
        assert_eq!(page.field("idle"), "90");
        let fields = [
            ("method", "private_key_jwt"),
            (
                "jwks",
                r#"{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y"}]}"#,
            ),
            ("access_token", "gateway"),
            ("dpop", "on"),
            ("idle", "30"),
            ("life", "365"),
            ("leeway", "10"),
            ("algorithm", "RS256"),
        ];
        let saved = world.browser.post(&path, &fields).await;
        saved.assert_redirect(&format!("{path}?done=saved"));
        let store = &world.console.app.store;
        let kept = store
            .find_oauth_app(world.ours.account, world.ours.app)
            .await;
        let kept = kept.expect("an answer").expect("an app").settings;
        assert!(kept.dpop_bound_access_tokens && kept.problems().is_empty());
        assert_eq!(kept.refresh_token_idle_lifetime, 30 * 24 * 3600);
        assert_eq!(kept.refresh_token_lifetime, Some(365 * 24 * 3600));
        let again = world.browser.get(&path).await;
        assert!(again.body.contains("value=\"gateway\" checked"));

        for (name, value, words) in [
            ("jwks", "{", "this is not JSON"),
            (
                "jwks",
                "{\"keys\":[{\"kty\":\"EC\",\"d\":\"x\"}]}",
                "the public half of each alone",
            ),
            ("method", "none", "none stands alone"),
            ("idle", "soon", "a number of days"),
            ("idle", "9999999999", "a number of days"),
            ("leeway", "301", "at most five minutes"),
            ("bound", "on", "a certificate must be among"),
        ] {
            let mut wrong = fields.to_vec();
            wrong.retain(|(known, _)| *known != name || name == "method");
            wrong.push((name, value));
            let refused = world.browser.post(&path, &wrong).await;
            refused.assert_page(422, words);
            // Nothing typed is lost.
            assert_eq!(refused.field("life"), "365");
        }
        let kept = store
            .find_oauth_app(world.ours.account, world.ours.app)
            .await;
        assert_eq!(
            kept.expect("an answer")
                .expect("an app")
                .settings
                .refresh_token_leeway,
            10
        );
    }

    #[tokio::test]
    async fn a_secret_is_shown_once_and_two_are_the_most() {
        let world = World::new().await;
        let path = format!("/oauth-apps/{}/client", world.ours.app);
        let make = async || world.browser.post(&format!("{path}/secrets"), &[]).await;
        let first = make().await;
        first.assert_page(200, "never shown again");
        make().await.assert_page(200, "never shown again");
        make()
            .await
            .assert_redirect(&format!("{path}?done=client-secrets-full"));
        let page = world.browser.get(&path).await;
        assert!(!page.body.contains("Make a client secret"));
        let action = page.body.split("/client/secrets/").nth(1).expect("a form");
        let id = action.split('/').next().expect("an id");
        let delete = format!("{path}/secrets/{id}/delete");
        let deleted = world.browser.post(&delete, &[]).await;
        deleted.assert_redirect(&format!("{path}?done=client-secret-deleted"));
        world
            .browser
            .post(&delete, &[])
            .await
            .assert_page(404, "no such page");
    }
}
