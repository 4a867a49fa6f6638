//! Deliveries to endpoints that mean ill.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use keyway_domain::webhook::WebhookUrl;
use keyway_providers::{
    http::{HttpClient, Lookup, SystemLookup},
    webhook::{Delivery, Receipt, Undelivered},
};

use crate::origin::{Does, Origin, answer, client, client_with, client_within};

/// Every name has these addresses.
struct Names(Vec<&'static str>);

impl Lookup for Names {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = self.0.iter().map(|address| {
            let address = address.parse().expect("an address");
            SocketAddr::new(address, 0)
        });
        let found: Vec<SocketAddr> = found.collect();
        Box::pin(async move {
            if found.is_empty() {
                Err(io::Error::other("no such name"))
            } else {
                Ok(found)
            }
        })
    }
}

fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text).expect("a URL")
}

async fn deliver(http: &HttpClient, to: &str) -> Result<Receipt, Undelivered> {
    let delivery = Delivery {
        url: url(to),
        id: "0193b3c0-0000-7000-8000-000000000000".into(),
        timestamp: 1_800_000_000,
        signature: "v1,c2lnbmF0dXJl".into(),
        body: b"{}".to_vec(),
    };
    http.deliver(delivery).await
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ["location: /elsewhere"];
    let origin = Origin::start(vec![Does::Answer(answer("307 Moved", &elsewhere, b""))]).await;
    let receipt = deliver(&client(&["127.0.0.1"]), &format!("{}/hooks", origin.url())).await;
    assert_eq!(receipt.expect("an answer").status, 307);
    assert_eq!(origin.targets(), ["/hooks"]);
}

#[tokio::test]
async fn the_status_counts_however_long_the_answer_is() {
    let endless = answer("200 OK", &[], &vec![b' '; 8 * 1024 * 1024]);
    let origin = Origin::start(vec![Does::Answer(endless)]).await;
    let receipt = deliver(&client(&["127.0.0.1"]), &origin.url()).await;
    assert_eq!(receipt.expect("an answer").status, 200);
}

#[tokio::test]
async fn silence_and_a_closed_connection_are_told() {
    let origin = Origin::start(vec![Does::Close]).await;
    let broken = deliver(&client(&["127.0.0.1"]), &origin.url()).await;
    assert!(
        matches!(broken, Err(Undelivered::Unreachable(_))),
        "{broken:?}"
    );
    let silent = Does::Drip(answer("200 OK", &[], b""), Duration::from_hours(1));
    let origin = Origin::start(vec![silent]).await;
    let second = Duration::from_secs(1);
    let http = client_within(&["127.0.0.1"], Arc::new(SystemLookup), second);
    let late = deliver(&http, &origin.url()).await;
    assert_eq!(late, Err(Undelivered::Timeout(1)));
}

#[tokio::test]
async fn a_private_address_is_not_connected_to() {
    let origin = Origin::start(vec![Does::Answer(answer("200 OK", &[], b""))]).await;
    let refused = deliver(&client(&[]), &origin.url()).await;
    let why = "127.0.0.1 is not a public address; KEYWAY_OUTBOUND_ALLOW can exempt it";
    assert_eq!(refused, Err(Undelivered::Unreachable(why.into())));
    let http = client_with(&[], Arc::new(Names(vec!["10.0.0.1"])));
    let refused = deliver(&http, "https://hooks.example/").await;
    let why = "the name resolves to 10.0.0.1, which is not a public address; KEYWAY_OUTBOUND_ALLOW can exempt it";
    assert_eq!(refused, Err(Undelivered::Unreachable(why.into())));
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_alone_is_told_early() {
    let check = async |addresses, to| {
        let http = client_with(&["192.168.0.0/16"], Arc::new(Names(addresses)));
        http.check_webhook_url(&url(to)).await
    };
    let inside = check(vec!["10.0.0.1", "::1"], "https://hooks.example/").await;
    let why = inside.expect_err("refused");
    assert!(why.contains("the name resolves to 10.0.0.1"), "{why}");
    let literal = check(vec![], "https://10.0.0.1/").await;
    let why = literal.expect_err("refused");
    assert!(why.contains("10.0.0.1 is not a public address"), "{why}");
    for (addresses, to) in [
        (vec!["10.0.0.1", "1.1.1.1"], "https://hooks.example/"),
        (vec!["192.168.1.1"], "https://hooks.example/"),
        (vec![], "https://192.168.1.1/"),
        (vec![], "https://1.1.1.1/"),
        // It may have an address when the first event comes.
        (vec![], "https://hooks.example/"),
    ] {
        assert_eq!(check(addresses, to).await, Ok(()), "{to}");
    }
}
