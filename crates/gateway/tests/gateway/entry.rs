//! Keys that the end user enters, where a provider has no flow to send anybody through.

use std::time::Duration;

use keyway_testkit::lab::{Account, Neutral};
use serde_json::json;

use crate::{
    backend::api_token,
    client::Client,
    link_sessions::Made,
    support::{Answer, Gateway, TestApp, query},
};

/// A provider of keys, at the lab's `/keyed/me`.
fn definition(plain_url: &str) -> String {
    format!(
        r#"
name = "Keyed"
category = "other"
documentation = "https://example.com/docs"
checked = "2026-11-27"
certainty = "single"
auth = "api_key"
[variables.site]
label = "Site"
pattern = '[a-z]{{2,10}}'
[variables.api_key]
label = "API key"
help = "Under Settings, API."
secret = true
[[identity]]
name = "me"
[identity.request]
url = "{plain_url}/keyed/me"
headers = {{ X-Site = "{{site}}" }}
[api]
base_url = "{plain_url}/keyed"
[credential]
external_id = ["identity.me.id"]
external_label = ["identity.me.name"]
"#
    )
}

/// A key of the only account.
fn issue(gateway: &Gateway, app: &TestApp) -> String {
    let account = Account {
        id: "account-7".into(),
        name: "Acme Ltd".into(),
        email: "a@example.com".into(),
    };
    let issued = gateway.lab.issue("keyed", &app.client_id, account);
    issued["access_token"].as_str().expect("a token").to_owned()
}

struct World {
    gateway: Gateway,
    app: TestApp,
    key: String,
}

impl World {
    async fn new() -> Self {
        Self::of(definition).await
    }

    async fn of(definition: fn(&str) -> String) -> Self {
        let gateway = Gateway::start_with(Duration::from_secs(10), |lab| {
            lab.definition_toml_of("keyed", Neutral::default());
            vec![("keyed", definition(&lab.plain_url()))]
        })
        .await;
        let app = gateway.register("keyed").await;
        let key = issue(&gateway, &app);
        Self { gateway, app, key }
    }

    /// The form's address, and the flow's cookie.
    async fn form(&self) -> (String, String) {
        let answer = self
            .gateway
            .get(&self.gateway.start_url(&self.app, &[("state", "s")]))
            .await;
        Self::form_of(&answer)
    }

    fn form_of(answer: &Answer) -> (String, String) {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("type=\"password\""), "{}", answer.body);
        let (_, rest) = answer.body.split_once("action=\"").expect("a form");
        let path = rest.split('"').next().expect("an address").to_owned();
        (path, answer.cookie())
    }

    async fn post(&self, (path, cookie): &(String, String), body: &str) -> Answer {
        let request = self
            .gateway
            .request("POST", &format!("{}{path}", self.gateway.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(body.to_owned());
        Answer::of(request.send().await.expect("an answer")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_checked_and_becomes_a_credential() {
    let world = World::new().await;
    let form = world.form().await;
    let answer = world
        .post(
            &form,
            &format!("param.site=acme&param.api_key={}", world.key),
        )
        .await;
    assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
    let back = query(&answer.location());
    assert_eq!(back["state"], "s");
    let redeemed = world.gateway.redeem(&world.app, &back["code"]).await;
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    let credential = &redeemed.json()["credential"];
    assert_eq!(
        credential["properties"],
        json!({
            "kind": "keyed_key", "site": "acme", "api_key": world.key,
            "account_id": "account-7", "account_name": "Acme Ltd",
        })
    );
    let id = credential["id"].as_str().expect("an id");
    let token = api_token(
        &world.gateway,
        world.gateway.account,
        "credentials:token,proxy",
    )
    .await;
    let url = format!("{}/v1/credentials/{id}/token", world.gateway.base);
    let read = world.gateway.request("GET", &url).bearer_auth(&token);
    let read = Answer::of(read.send().await.expect("an answer")).await;
    assert_eq!(read.json()["access_token"], json!(world.key), "{read:?}");
    let url = format!("{}/v1/proxy/credential/{id}/me", world.gateway.base);
    let called = world.gateway.request("GET", &url).bearer_auth(&token);
    let called = Answer::of(called.send().await.expect("an answer")).await;
    assert_eq!(
        (called.status, &called.json()["id"]),
        (200, &json!("account-7"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_again_is_the_same_credential() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let form = world.form().await;
        let body = format!("param.site=acme&param.api_key={}", world.key);
        let answer = world.post(&form, &body).await;
        let code = query(&answer.location())["code"].clone();
        let redeemed = world.gateway.redeem(&world.app, &code).await;
        ids.push(redeemed.json()["credential"]["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

/// Of a provider that does not tell whose a key is, any key will do.
#[tokio::test(flavor = "multi_thread")]
async fn another_key_reconnects_an_account_without_a_name() {
    let nameless = |url: &str| {
        let named = definition(url);
        let (nameless, _) = named.split_once("[credential]").expect("a credential");
        nameless.to_owned()
    };
    let world = World::of(nameless).await;
    let gateway = &world.gateway;
    let form = world.form().await;
    let body = format!("param.site=acme&param.api_key={}", world.key);
    let answer = world.post(&form, &body).await;
    let code = query(&answer.location())["code"].clone();
    let redeemed = gateway.redeem(&world.app, &code).await.json();
    let id = redeemed["credential"]["id"].as_str().expect("an id");

    let client = Client::new(gateway).await;
    let wanted = json!({"credential_id": id, "end_user": {"id": "user-7"}});
    let session = client.post("/v1/link-sessions", &wanted).await.ok(201);
    let made = Made {
        id: session["id"].as_str().expect("an id").to_owned(),
        url: session["url"].as_str().expect("a URL").to_owned(),
        app: None,
    };
    let form = World::form_of(&made.submit(gateway, &world.app).await);
    let key = issue(gateway, &world.app);
    let answer = world.post(&form, &format!("param.api_key={key}")).await;
    made.assert_done(&answer);
    assert_eq!(gateway.sql("SELECT id FROM credentials").await, [id]);
    let token = client.get(&format!("/v1/credentials/{id}/token")).await;
    assert_eq!(token.ok(200)["access_token"], json!(key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_may_be_typed_again() {
    let world = World::new().await;
    let form = world.form().await;
    for (body, words) in [
        (
            "param.site=acme&param.api_key=canary-wrong-key",
            "Keyed does not accept this",
        ),
        (
            "param.site=acme&param.api_key=",
            "API key: this does not look right",
        ),
        ("param.site=acme", "API key: this does not look right"),
        (
            "param.site=ACME!&param.api_key=canary-wrong-key",
            "Site: this does not look right",
        ),
        ("param.api_key=canary-wrong-key", "Site: fill this in"),
    ] {
        let answer = world.post(&form, body).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        assert!(answer.body.contains(words), "{body}: {}", answer.body);
        assert!(
            !answer.body.contains("canary"),
            "the key comes back: {}",
            answer.body
        );
        assert!(!answer.log().contains("canary"), "{}", answer.log());
    }
    let answer = world
        .post(
            &form,
            &format!("param.site=acme&param.api_key={}", world.key),
        )
        .await;
    assert_eq!(answer.status, 302, "{answer:?}");
}

/// It would stand in histories and logs.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_never_comes_by_url() {
    let world = World::new().await;
    let start = world
        .gateway
        .start_url(&world.app, &[("param.api_key", "canary-key")]);
    let answer = world.gateway.get(&start).await;
    answer.assert_error_redirect("invalid_request", None, "there is no variable api_key");
    assert!(!answer.log().contains("canary"), "{}", answer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_cannot_enter_a_key() {
    let world = World::new().await;
    let (path, _) = world.form().await;
    let stranger = (path, "keyway-flow-x=y".to_owned());
    let body = format!("param.site=acme&param.api_key={}", world.key);
    let answer = world.post(&stranger, &body).await;
    answer.assert_page(400, "flow of another browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_at_once_one_ends_the_flow() {
    let world = World::new().await;
    let form = world.form().await;
    let body = format!("param.site=acme&param.api_key={}", world.key);
    let all = futures_util::future::join_all((0..64).map(|_| world.post(&form, &body))).await;
    let ended = all.iter().filter(|answer| answer.status == 302).count();
    let gone = all.iter().filter(|answer| answer.status == 400).count();
    assert_eq!((ended, gone), (1, 63));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_no_wrong_key() {
    use keyway_testkit::lab::{Endpoint, Fault};
    let world = World::new().await;
    let form = world.form().await;
    world
        .gateway
        .lab
        .fail_once("keyed", Endpoint::Identity, Fault::Status(503));
    let body = format!("param.site=acme&param.api_key={}", world.key);
    let answer = world.post(&form, &body).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(
        answer.body.contains("cannot be reached right now"),
        "{}",
        answer.body
    );
    assert_eq!(world.post(&form, &body).await.status, 302);
}
