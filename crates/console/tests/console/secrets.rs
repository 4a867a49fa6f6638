//! What is typed as a secret is sealed, and shows nowhere.

use keyway_domain::{
    ids::OauthAppId,
    sealed::{Place, Sealed},
};
use keyway_testkit::log;

use crate::{
    browser::Answer,
    support::{Console, PASSWORD},
    world::{PAGES, World},
};

const SECRET: &str = "canary-s3cret <&\"'>";
const ANOTHER: &str = "canary-an0ther";

/// What the gateway reads.
async fn opened(world: &World, app: OauthAppId) -> String {
    let client = world.console.database.client().await;
    let query = "SELECT sealed_client_secret FROM oauth_apps WHERE id::text = $1";
    let row = client.query_one(query, &[&app.to_string()]).await;
    let sealed = Sealed::from_bytes(row.expect("an app").get(0));
    let place = Place::oauth_app_client_secret(app, world.ours.account);
    let opened = world.console.ring.open(&place, &sealed);
    opened.expect("the gateway's keys open it").expose().clone()
}

fn assert_silent(answer: &Answer) {
    assert!(!answer.body.contains("canary-"), "{answer:?}");
    let headers = format!("{:?}", answer.headers);
    assert!(!headers.contains("canary-"), "{headers}");
}

async fn assert_not_in_clear(console: &Console, secret: &str) {
    let dump = console.dump().await;
    assert!(!dump.contains(secret));
    // Bytes are written in hexadecimal.
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!dump.contains(&hex.concat()));
}

#[tokio::test]
async fn a_client_secret_is_sealed_for_the_gateway_and_shown_to_nobody() {
    let world = World::new().await;
    let registered = world
        .browser
        .post(
            "/oauth-apps/new/linear",
            &[
                ("name", "New"),
                ("client_id", "new-id"),
                // What comes along with a copy is cut off.
                ("client_secret", &format!(" \t{SECRET}\r\n")),
            ],
        )
        .await;
    assert_eq!(registered.status, 303);
    assert_silent(&registered);
    let id = registered.location()["/oauth-apps/".len()..][..36].to_owned();
    let app: OauthAppId = id.parse().expect("an id");
    assert_eq!(opened(&world, app).await, SECRET);
    assert_not_in_clear(&world.console, SECRET).await;

    let path = format!("/oauth-apps/{app}/secret");
    let replaced = world
        .browser
        .post(&path, &[("client_secret", ANOTHER)])
        .await;
    replaced.assert_redirect(&format!("/oauth-apps/{app}?done=secret-replaced"));
    assert_silent(&replaced);
    assert_eq!(opened(&world, app).await, ANOTHER);
    assert_not_in_clear(&world.console, ANOTHER).await;

    for route in PAGES {
        let path = world
            .ours
            .path(route)
            .replace(&world.ours.app.to_string(), &app.to_string());
        assert_silent(&world.browser.get(&path).await);
    }
    let logged = log::all();
    for secret in ["canary-s3cret", ANOTHER, PASSWORD] {
        assert!(!logged.contains(secret), "{secret}");
    }
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"oauth_app.secret_replaced".to_owned()));
}

#[tokio::test]
async fn a_refused_form_does_not_give_the_secret_back() {
    let world = World::new().await;
    let refused = world
        .browser
        .post(
            "/oauth-apps/new/linear",
            &[
                ("name", ""),
                ("client_id", "new-id"),
                ("client_secret", SECRET),
            ],
        )
        .await;
    refused.assert_page(422, "enter the client secret again");
    assert!(refused.body.contains("value=\"new-id\""));
    assert_silent(&refused);
    assert_not_in_clear(&world.console, SECRET).await;
}

#[tokio::test]
async fn a_mask_is_no_secret() {
    let world = World::new().await;
    let secret = format!("/oauth-apps/{}/secret", world.ours.app);
    let before = world.console.dump().await;
    for mask in ["***********", "*", " ** ", "\u{2022}\u{2022}\u{2022}"] {
        let answer = world
            .browser
            .post(&secret, &[("client_secret", mask)])
            .await;
        answer.assert_page(422, "this is the mask and not the secret");
        let fields = [("name", "New"), ("client_id", "x"), ("client_secret", mask)];
        let answer = world.browser.post("/oauth-apps/new/linear", &fields).await;
        answer.assert_page(422, "this is the mask and not the secret");
    }
    let answer = world.browser.post(&secret, &[("client_secret", " ")]).await;
    answer.assert_page(422, "enter the client secret that the provider shows");
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn a_credential_is_masked() {
    let world = World::new().await;
    let path = world.ours.path("/credentials/{credential}");
    let answer = world.browser.get(&path).await;
    answer.assert_page(200, "<code>***********</code>");
    assert_silent(&answer);
}
