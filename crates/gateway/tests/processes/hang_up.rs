//! Browsers that hang up in mid-callback.

use std::time::Duration;

use keyway_testkit::lab::{Endpoint, Fault};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::fleet::{Fleet, PROVIDER, until};

/// Sends the callback, waits until the provider works on it, and resets the connection.
async fn reset_in_mid_callback(fleet: &Fleet) -> keyway_store::Flow {
    let gateway = fleet.start().await;
    let returning = fleet.returning(&gateway).await.expect("a flow");
    fleet.lab.fail_once(
        PROVIDER,
        Endpoint::Token,
        Fault::Slow(Duration::from_millis(500)),
    );

    let path = returning
        .callback
        .split_once(&gateway.address.to_string())
        .expect("our callback")
        .1;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        gateway.address, returning.cookie
    );
    let mut browser = TcpStream::connect(gateway.address)
        .await
        .expect("a connection");
    browser.write_all(request.as_bytes()).await.expect("sent");
    until("the provider is asked", async || {
        !fleet.lab.calls(PROVIDER, Endpoint::Token).is_empty()
    })
    .await;
    // Zero linger: closing sends RST instead of FIN, on which actix drops the handler at once.
    browser.set_zero_linger().expect("an option");
    drop(browser);

    let flow = async || {
        let flows = fleet
            .store
            .list_flows(fleet.account, None, 1)
            .await
            .expect("the log");
        flows.into_iter().next().expect("a flow")
    };
    until("the flow ends", async || {
        let flow = flow().await;
        flow.completed_at.is_some() || flow.failed_at.is_some()
    })
    .await;
    flow().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_loses_no_grant() {
    let fleet = Fleet::new().await;
    let flow = reset_in_mid_callback(&fleet).await;
    assert!(flow.completed_at.is_some(), "{flow:?}");
    let client = fleet.database.client().await;
    let grants: i64 = client
        .query_one("SELECT count(*) FROM grants", &[])
        .await
        .expect("a count")
        .get(0);
    let codes: i64 = client
        .query_one("SELECT count(*) FROM authorization_codes", &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!((grants, codes), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_the_exchange() {
    let fleet = Fleet::new().await;
    let gateway = fleet.start().await;
    let returning = fleet.returning(&gateway).await.expect("a flow");
    fleet.lab.fail_once(
        PROVIDER,
        Endpoint::Token,
        Fault::Slow(Duration::from_millis(500)),
    );
    let (answer, status) = tokio::join!(fleet.come_back(&gateway, &returning), async {
        until("the provider is asked", async || {
            !fleet.lab.calls(PROVIDER, Endpoint::Token).is_empty()
        })
        .await;
        gateway.terminate()
    });
    assert!(matches!(answer, Ok(Some(_))), "{answer:?}");
    until("the gateway ends", async || gateway.exit_code().is_some()).await;
    assert_eq!((status, gateway.exit_code()), (true, Some(0)));
}
