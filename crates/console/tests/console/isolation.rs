//! Nobody sees what is not theirs.

use keyway_domain::{Clock as _, ids::OauthAppId, random::OsRandom};
use reqwest::Method;

use crate::world::{FORMS, PAGES, ROWS, World, has_id};

/// What would give the other account away.
const THEIRS: [&str; 3] = ["Globex", "globex", "client.example"];

#[tokio::test]
async fn without_a_session_no_page_says_anything() {
    let world = World::new().await;
    let stranger = world.console.browser();
    for route in PAGES {
        let path = world.ours.path(route);
        for method in [Method::GET, Method::HEAD] {
            let answer = stranger.send(method, &path, &[], None).await;
            let expected = match path.as_str() {
                "/" => "/sign-in".to_owned(),
                path => format!("/sign-in?next={path}"),
            };
            answer.assert_redirect(&expected);
        }
    }
    let before = world.console.dump().await;
    for (route, fields) in FORMS {
        let path = world.ours.path(route);
        let csrf = stranger.csrf().await;
        let mut form: Vec<(&str, &str)> = fields.to_vec();
        form.push(("csrf", &csrf));
        let answer = stranger.post_as_is(&path, &form).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.location().starts_with("/sign-in"), "{path}");
        assert!(answer.body.is_empty());
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn another_accounts_rows_are_not_found_on_any_page() {
    let world = World::new().await;
    for route in PAGES.into_iter().filter(|route| has_id(route)) {
        let own = world.browser.get(&world.ours.path(route)).await;
        assert_eq!(own.status, 200, "{route}");
        let answer = world.browser.get(&world.theirs.path(route)).await;
        answer.assert_page(404, "There is no such page here");
        assert!(answer.log().contains("no such page or row"));
        for leak in THEIRS {
            assert!(!answer.body.contains(leak), "{leak} on {route}");
        }
    }
}

#[tokio::test]
async fn another_accounts_rows_are_not_changed_by_any_form() {
    let world = World::new().await;
    let before = world.console.dump().await;
    for (route, fields) in FORMS.into_iter().filter(|(route, _)| has_id(route)) {
        let path = world.theirs.path(route);
        let answer = world.browser.post(&path, fields).await;
        answer.assert_page(404, "There is no such page here");
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn lists_show_the_own_account_alone() {
    let world = World::new().await;
    for route in PAGES {
        let answer = world.browser.get(&world.ours.path(route)).await;
        for leak in ["Globex", "globex"] {
            assert!(!answer.body.contains(leak), "{leak} on {route}");
        }
    }
    // Not by a cursor or a reference of the other account either.
    let theirs = &world.theirs;
    for path in [
        format!("/flow-log?before={}", theirs.flow),
        format!("/credentials?before={}", theirs.credential),
    ] {
        let answer = world.browser.get(&path).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("Globex"), "{path}");
    }
    let answer = world
        .browser
        .get(&format!("/flow-log?reference={}", theirs.flow))
        .await;
    answer.assert_page(404, "No flow of this account has that reference.");
    assert!(!answer.body.contains("Globex"));
}

#[tokio::test]
async fn unknown_ids_are_not_found_and_malformed_ones_are_told() {
    let world = World::new().await;
    let unknown = OauthAppId::generate(world.console.clock.now(), &OsRandom).to_string();
    let with = |route: &str, id: &str| {
        ROWS.iter()
            .fold(route.to_owned(), |path, row| path.replace(row, id))
    };
    let plain = unknown.replace('-', "");
    let braced = format!("%7B{unknown}%7D");
    let malformed = ["x", "0", "%00", "..%2f..", "'", &plain, &braced, "%ff"];
    for route in PAGES.into_iter().filter(|route| has_id(route)) {
        let answer = world.browser.get(&with(route, &unknown)).await;
        answer.assert_page(404, "There is no such page here");
        // A provider's name is no id: whatever it is, there is none.
        if route.contains("{own}") {
            continue;
        }
        for id in malformed {
            let answer = world.browser.get(&with(route, id)).await;
            answer.assert_page(400, "The ID in this address is not complete.");
            assert!(answer.log().contains("malformed id"));
        }
    }
    for (route, fields) in FORMS.into_iter().filter(|(route, _)| has_id(route)) {
        let answer = world.browser.post(&with(route, &unknown), fields).await;
        answer.assert_page(404, "There is no such page here");
        if route.contains("{own}") {
            continue;
        }
        for id in malformed {
            let answer = world.browser.post(&with(route, id), fields).await;
            answer.assert_page(400, "The ID in this address is not complete.");
        }
    }
    for path in [
        "/credentials?before=x",
        "/flow-log?before=",
        "/flow-log?before=1&before=2",
    ] {
        let answer = world.browser.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
    }
}
