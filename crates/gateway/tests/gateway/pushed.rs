//! Requests that are pushed to the provider before the browser goes (RFC 9126), where it fails.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::{
    support::{Gateway, TestApp, query},
    upstream::Upstream,
    variables::{action, post},
};

/// A gateway, and an app at a provider whose requests are pushed to `par`.
async fn pushing_to(par: &str, call_timeout: Duration) -> (Gateway, TestApp) {
    let par = format!("[authorize]\npar = \"{par}\"\n");
    pushing(&par, call_timeout).await
}

/// The same, at a provider that wants to know the end user's tenant.
async fn pushing_with_a_tenant(par: &str) -> (Gateway, TestApp) {
    let variable = "[variables.tenant]\nlabel = \"Tenant\"\npattern = '[a-z]+'\n";
    let asks = "parameters = { tenant = \"{tenant}\" }\n";
    let text = format!("{variable}[authorize]\npar = \"{par}\"\n{asks}");
    pushing(&text, Duration::from_secs(10)).await
}

async fn pushing(authorize: &str, call_timeout: Duration) -> (Gateway, TestApp) {
    let gateway = Gateway::start_with(call_timeout, |lab| {
        let text = lab.definition_toml("pushy");
        vec![("pushy", text.replacen("[authorize]\n", authorize, 1))]
    })
    .await;
    let app = gateway.register("pushy").await;
    (gateway, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_told_to_the_client() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = nobody.local_addr().expect("bound");
    drop(nobody);
    let par = format!("http://{address}/par");
    let (gateway, app) = pushing_to(&par, Duration::from_secs(10)).await;
    let url = gateway.start_url(&app, &[("state", "mine")]);
    let answer = gateway.get(&url).await;
    let detail = "the provider could not be reached";
    answer.assert_error_redirect("temporarily_unavailable", Some("mine"), detail);
    assert_eq!(answer.header("set-cookie"), None);
    let kept = "SELECT failed_step || ' ' || error FROM authorization_sessions";
    assert_eq!(gateway.sql(kept).await, ["start temporarily_unavailable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_is_told_to_the_client() {
    let upstream = Upstream::start();
    let par = format!("{}/busy", upstream.base_url());
    let (gateway, app) = pushing_to(&par, Duration::from_secs(10)).await;
    let answer = gateway.get(&gateway.start_url(&app, &[])).await;
    let detail = "the provider answered 429: slow down";
    answer.assert_error_redirect("temporarily_unavailable", None, detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_has_a_calls_time() {
    let upstream = Upstream::start();
    let par = format!("{}/slow", upstream.base_url());
    let (gateway, app) = pushing_to(&par, Duration::from_secs(1)).await;
    let started = Instant::now();
    let answer = gateway.get(&gateway.start_url(&app, &[])).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let detail = "the provider did not answer within 1 seconds";
    answer.assert_error_redirect("temporarily_unavailable", None, detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_held_while_the_provider_thinks() {
    const FLOWS: usize = 40;
    let upstream = Upstream::start();
    let par = format!("{}/slow", upstream.base_url());
    let (gateway, app) = pushing_to(&par, Duration::from_secs(10)).await;
    let other = gateway.register("linear").await;
    let url = gateway.start_url(&app, &[]);
    let waiting = join_all((0..FLOWS).map(|_| gateway.get(&url)));
    let meanwhile = async {
        while upstream.requests() < FLOWS {
            gateway.sql("SELECT 1").await;
        }
        let started = Instant::now();
        gateway.begin(&other, &[]).await;
        started.elapsed()
    };
    tokio::select! {
        took = meanwhile => assert!(took < Duration::from_secs(2), "{took:?}"),
        _ = waiting => panic!("nobody waited"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_end_user_fills_in_is_pushed_too() {
    let upstream = Upstream::start();
    let par = format!("{}/pushed", upstream.base_url());
    let (gateway, app) = pushing_with_a_tenant(&par).await;
    let form = gateway.get(&gateway.start_url(&app, &[])).await;
    assert_eq!(form.status, 200, "{form:?}");
    assert_eq!(upstream.requests(), 0, "nothing is known yet");
    let path = action(&form);
    let answer = post(&gateway, &path, &form.cookie(), "param.tenant=acme").await;
    let carried = query(&answer.location());
    assert_eq!(carried.len(), 2, "{carried:?}");
    assert_eq!(carried["request_uri"], "urn:example:1");
    assert_eq!(upstream.requests(), 1);
    let waiting = "SELECT count(*) FROM authorization_sessions WHERE state_digest IS NOT NULL";
    assert_eq!(gateway.sql(waiting).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_form_ends_the_flow() {
    let upstream = Upstream::start();
    let par = format!("{}/busy", upstream.base_url());
    let (gateway, app) = pushing_with_a_tenant(&par).await;
    let form = gateway
        .get(&gateway.start_url(&app, &[("state", "s")]))
        .await;
    let path = action(&form);
    let answer = post(&gateway, &path, &form.cookie(), "param.tenant=acme").await;
    let detail = "the provider answered 429: slow down";
    answer.assert_error_redirect("temporarily_unavailable", Some("s"), detail);
    let again = post(&gateway, &path, &form.cookie(), "param.tenant=acme").await;
    again.assert_page(400, "flow does not wait for variables");
    assert_eq!(upstream.requests(), 1);
}
