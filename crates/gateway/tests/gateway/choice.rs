//! One grant, several accounts: the end user says which.

use std::time::Duration;

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{Answer, Gateway, TestApp, query};

struct World {
    gateway: Gateway,
    app: TestApp,
}

/// A flow that waits for a choice.
struct Waiting {
    path: String,
    cookie: String,
}

impl World {
    async fn new() -> Self {
        let gateway = Gateway::start_with(Duration::from_secs(10), |lab| {
            let usual = lab.definition_toml("rooms");
            let (flow, _) = usual.split_once("[credential]").expect("a credential");
            let chosen = r#"
[choice]
from = "identity.me.rooms"
id = "id"
label = "name"
[credential]
kind = "rooms_oauth2"
external_id = ["chosen.id"]
external_label = ["chosen.name"]
"#;
            vec![("rooms", format!("{flow}{chosen}"))]
        })
        .await;
        let app = gateway.register("rooms").await;
        Self { gateway, app }
    }

    async fn waiting(&self) -> Waiting {
        let begun = self.gateway.begin(&self.app, &[("state", "s")]).await;
        let callback = self
            .gateway
            .lab
            .approve(&begun.authorize_url)
            .await
            .expect("a callback");
        let answer = self.gateway.get_with(&callback.url, &begun.cookie).await;
        assert_eq!(answer.status, 303, "{answer:?} {}", answer.log());
        let path = answer.header("location").expect("a way").to_owned();
        assert!(path.starts_with("/link/oauth2/choice/"), "{path}");
        Waiting {
            path,
            cookie: begun.cookie,
        }
    }

    /// A choice by a browser that does not wait for the answer.
    async fn send_choice(&self, waiting: &Waiting, account: &str) -> TcpStream {
        let host = self.gateway.base.trim_start_matches("http://");
        let body = format!("account={account}");
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            waiting.path,
            waiting.cookie,
            body.len(),
        );
        let mut browser = TcpStream::connect(host).await.expect("a connection");
        let sent = browser.write_all(request.as_bytes()).await;
        sent.expect("sent");
        browser
    }

    async fn choose(&self, waiting: &Waiting, account: &str) -> Answer {
        let request = self
            .gateway
            .request("POST", &format!("{}{}", self.gateway.base, waiting.path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &waiting.cookie)
            .body(format!("account={account}"));
        Answer::of(request.send().await.expect("an answer")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_account_is_connected() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    let url = format!("{}{}", world.gateway.base, waiting.path);
    // It can be loaded again.
    for _ in 0..2 {
        let page = world.gateway.get_with(&url, &waiting.cookie).await;
        assert_eq!(page.status, 200, "{page:?}");
        for word in ["First room", "Second room", "room-2"] {
            assert!(page.body.contains(word), "{word}: {}", page.body);
        }
    }
    let answer = world.choose(&waiting, "room-2").await;
    assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
    let back = query(&answer.location());
    assert_eq!(back["state"], "s");
    let redeemed = world.gateway.redeem(&world.app, &back["code"]).await;
    let properties = &redeemed.json()["credential"]["properties"];
    assert_eq!(properties["account_id"], json!("room-2"));
    assert_eq!(properties["account_name"], json!("Second room"));
    let left = world
        .gateway
        .sql("SELECT count(*)::text FROM authorization_sessions WHERE sealed_choice IS NOT NULL")
        .await;
    assert_eq!(left, ["0"], "what waited is erased");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_not_offered_is_asked_for_again() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    for other in ["room-3", ""] {
        let answer = world.choose(&waiting, other).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("Second room"), "{}", answer.body);
    }
    assert_eq!(world.choose(&waiting, "room-1").await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_neither_sees_nor_chooses() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    let stranger = Waiting {
        path: waiting.path.clone(),
        cookie: "keyway-flow-x=y".into(),
    };
    let url = format!("{}{}", world.gateway.base, waiting.path);
    let page = world.gateway.get_with(&url, &stranger.cookie).await;
    page.assert_page(400, "flow of another browser");
    let answer = world.choose(&stranger, "room-1").await;
    answer.assert_page(400, "flow of another browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_choices_at_once_one_counts() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    let rooms = ["room-1", "room-2"];
    let choices = (0..64).map(|n| world.choose(&waiting, rooms[n % 2]));
    let all = futures_util::future::join_all(choices).await;
    let ended = all.iter().filter(|answer| answer.status == 302).count();
    let gone = all.iter().filter(|answer| answer.status == 400).count();
    assert_eq!((ended, gone), (1, 63));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_expires_with_its_flow() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    world.gateway.clock.advance(chrono::TimeDelta::minutes(11));
    let answer = world.choose(&waiting, "room-1").await;
    answer.assert_page(400, "flow does not wait for a choice");
    keyway_gateway::lifecycle::sweep::once(&world.gateway.app)
        .await
        .expect("swept");
    let left = world
        .gateway
        .sql("SELECT count(*)::text FROM authorization_sessions WHERE sealed_choice IS NOT NULL")
        .await;
    assert_eq!(left, ["0"]);
}

/// The tokens are taken out of the waiting choice; nobody else has them.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_hangs_up_loses_nothing() {
    let world = World::new().await;
    let waiting = world.waiting().await;
    let sql = |query: &'static str| world.gateway.sql(query);
    let mut client = world.gateway.database.client().await;
    let holding = client.transaction().await.expect("a transaction");
    let lock = "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE";
    holding.batch_execute(lock).await.expect("locked");
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let browser = world.send_choice(&waiting, "room-1").await;
    while sql(waits).await.is_empty() {}
    browser.set_zero_linger().expect("a socket");
    drop(browser);
    // The gateway has time to see the reset.
    tokio::time::sleep(Duration::from_millis(300)).await;
    holding.commit().await.expect("released");
    let kept = async { while sql("SELECT id FROM authorization_codes").await.is_empty() {} };
    let kept = tokio::time::timeout(Duration::from_secs(10), kept).await;
    kept.expect("the code is issued, though nobody waits for it");
}
