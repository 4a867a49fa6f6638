//! Link sessions that reconnect a credential: the same external account or none.

use keyway_testkit::lab::Account;
use serde_json::{Value, json};

use crate::{
    link_sessions::{Client, Made, request},
    support::{Answer, TestApp, query},
};

const TEMPLATE: &str = "https://client.example/oauth2/callback/:provider";

struct Reconnect {
    client: Client,
    app: TestApp,
    /// A credential of Arrakis Inc. that does not work any more.
    credential: String,
}

impl Reconnect {
    async fn new() -> Self {
        let client = Client::new().await;
        let app = client.gateway.register("linear").await;
        let code = client.gateway.code(&app, &[]).await;
        let redeemed = client.gateway.redeem(&app, &code).await.json();
        let credential = redeemed["credential"]["id"].as_str().expect("an id");
        let credential = credential.to_owned();
        let ill =
            "UPDATE credentials SET health_status = 'error', health_notes = '[\"Reconnect.\"]'";
        client.gateway.sql(ill).await;
        client.gateway.sql("DELETE FROM events").await;
        Self {
            client,
            app,
            credential,
        }
    }

    async fn session(&self, redirect_uri: Option<&str>) -> Made {
        let mut body = request(&[&self.app]);
        body["credential_id"] = json!(self.credential);
        body["redirect_uri"] = json!(redirect_uri);
        body["state"] = redirect_uri.map_or(Value::Null, |_| json!("the client's state"));
        if let Some(body) = body.as_object_mut() {
            body.remove("oauth_app_ids");
        }
        self.client.session(&body).await
    }

    /// Another organisation is signed in at the provider.
    fn sign_in_elsewhere(&self) {
        let other = Account {
            id: "def456".into(),
            name: "Caladan <Ltd.>".into(),
            email: "user@example.com".into(),
        };
        self.client.gateway.lab.sign_in("linear", other);
    }

    async fn sql(&self, query: &str) -> Vec<String> {
        self.client.gateway.sql(query).await
    }

    /// Everything is as it was, but for the grant that nobody may have.
    async fn assert_refused(&self, answer: &Answer, made: &Made) {
        answer.assert_page(400, "access_denied: Arrakis Inc. was to be reconnected");
        for shown in [
            "This is another account",
            "Arrakis Inc.",
            "Caladan &#60;Ltd.&#62;",
        ] {
            assert!(answer.body.contains(shown), "{shown}: {}", answer.body);
        }
        let again = format!("href=\"/link/session/{}\"", made.token());
        assert!(answer.body.contains(&again), "{}", answer.body);
        for hidden in ["def456", "abc123", self.credential.as_str()] {
            assert!(!answer.body.contains(hidden), "{hidden}: {}", answer.body);
        }
        let untouched = "SELECT id FROM credentials WHERE health_status = 'error' AND revision = 1";
        assert_eq!(self.sql(untouched).await, [self.credential.as_str()]);
        let queued = "SELECT external_id FROM grants WHERE ended_reason = 'not_the_same_account' AND revoke_at IS NOT NULL";
        assert_eq!(self.sql(queued).await, ["def456"]);
        assert_eq!(self.sql("SELECT count(*) FROM events").await, ["0"]);
        let failed = "SELECT failed_step || ' ' || error FROM authorization_sessions WHERE failed_at IS NOT NULL";
        assert_eq!(self.sql(failed).await, ["identity access_denied"]);
        assert_eq!(self.client.show(&made.id).await["status"], "open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_account_heals_its_credential() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    let made = world.session(None).await;
    assert_eq!(
        world.client.show(&made.id).await["credential_id"],
        world.credential.as_str()
    );
    let page = gateway.get(&made.url).await;
    assert!(
        page.body.contains("<h1>Reconnect Arrakis Inc.</h1>"),
        "{}",
        page.body
    );
    made.assert_done(&made.walk(gateway, &world.app).await);
    let well = "SELECT id FROM credentials WHERE health_status = 'ok' AND health_notes = '[]' AND revision = 2";
    assert_eq!(world.sql(well).await, [world.credential.as_str()]);
    assert_eq!(
        world.sql("SELECT kind FROM events ORDER BY position").await,
        ["credential.updated", "credential.recovered"]
    );
    let shown = world.client.show(&made.id).await;
    assert_eq!(
        (&shown["status"], &shown["credential_id"]),
        (&json!("used"), &json!(world.credential))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_account_heals_it_by_a_code_too() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    let made = world.session(Some(TEMPLATE)).await;
    let answer = made.walk(gateway, &world.app).await;
    let code = query(&answer.location())["code"].clone();
    let redeemed = gateway.redeem(&world.app, &code).await.json();
    assert_eq!(redeemed["credential"]["id"], world.credential.as_str());
    let well =
        "SELECT count(*) FROM credentials WHERE health_status = 'ok' AND end_user_id = 'user-7'";
    assert_eq!(world.sql(well).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_refused_and_nothing_is_changed() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    let made = world.session(None).await;
    world.sign_in_elsewhere();
    let answer = made.walk(gateway, &world.app).await;
    world.assert_refused(&answer, &made).await;
    assert!(!answer.body.contains("Go back"), "{}", answer.body);
    // The session is still good for the right one.
    gateway.lab.sign_in(
        "linear",
        Account {
            id: "abc123".into(),
            name: "Arrakis Inc.".into(),
            email: "user@example.com".into(),
        },
    );
    made.assert_done(&made.walk(gateway, &world.app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_a_page_first_with_a_way_back_to_the_client() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    let made = world.session(Some(TEMPLATE)).await;
    world.sign_in_elsewhere();
    let answer = made.walk(gateway, &world.app).await;
    world.assert_refused(&answer, &made).await;
    let (_, rest) = answer
        .body
        .split_once("href=\"https://client.example")
        .expect("a way back");
    let back = rest
        .split('"')
        .next()
        .expect("an address")
        .replace("&#38;", "&");
    let back = url::Url::parse(&format!("https://client.example{back}")).expect("a URL");
    assert_eq!(back.path(), "/oauth2/callback/linear");
    let query = query(&back);
    assert_eq!(query["error"], "access_denied");
    assert_eq!(query["state"], "the client's state");
    assert!(query["error_description"].contains("Another account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_credential_of_its_own_is_refused_and_not_revoked() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    world.sign_in_elsewhere();
    let code = gateway.code(&world.app, &[]).await;
    assert_eq!(gateway.redeem(&world.app, &code).await.status, 200);
    let made = world.session(None).await;
    let answer = made.walk(gateway, &world.app).await;
    answer.assert_page(400, "was to be reconnected");
    assert_eq!(
        world
            .sql("SELECT count(*) FROM grants WHERE revoke_at IS NOT NULL")
            .await,
        ["0"]
    );
    assert_eq!(world.sql("SELECT count(*) FROM grants").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_with_the_credential_that_it_was_to_reconnect() {
    let world = Reconnect::new().await;
    let gateway = &world.client.gateway;
    let made = world.session(None).await;
    let begun = made.begin(gateway, &world.app).await;
    world.sql("DELETE FROM credentials").await;
    gateway
        .get(&made.url)
        .await
        .assert_page(404, "link session unknown");
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &begun.cookie).await;
    answer.assert_page(400, "the link session was used meanwhile");
    assert_eq!(world.sql("SELECT count(*) FROM credentials").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_need_not_be_named_again() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("shopify").await;
    let code = gateway.code(&app, &[("param.shop", "acme")]).await;
    let redeemed = gateway.redeem(&app, &code).await.json();
    let mut body = request(&[&app]);
    body["credential_id"] = redeemed["credential"]["id"].clone();
    let made = client.session(&body).await;
    let begun = made.begin(gateway, &app).await;
    assert!(
        begun
            .authorize_url
            .starts_with("https://acme.myshopify.com/"),
        "{begun:?}"
    );
}
