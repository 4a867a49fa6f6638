//! A gateway that runs, and one that is told to stop.

use std::{io::ErrorKind, net::SocketAddr};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use url::Url;

use crate::{
    gateway::{Gateway, browser},
    support::{CANARY, Installation, until},
};

const REDIRECT_URI: &str = "https://client.example/callback";
/// Fewer than the gateway has connections for writes, so that health needs none of theirs.
const REQUESTS: usize = 16;

/// An installation with an app and a redirect URI; the app's id.
async fn installation() -> (Installation, String) {
    let mut installation = Installation::new().await;
    let app = installation.register("linear", "client").await;
    let add = ["redirect-uris", "add", "--account", "acme", REDIRECT_URI];
    installation.keyway(&add).await.succeeded();
    // As long as the test may hold statements up, on however busy a machine.
    let url = format!(
        "{}?options=-c%20statement_timeout%3D60s",
        installation.database.url()
    );
    installation.shell.set("KEYWAY_DATABASE_URL", &url);
    (installation, app)
}

fn start_url(gateway: &Gateway, app: &str) -> Url {
    let parameters = [
        ("client_id", app),
        ("redirect_uri", REDIRECT_URI),
        ("state", CANARY),
    ];
    Url::parse_with_params(&gateway.url("/link/oauth2/start"), parameters).expect("a URL")
}

/// Status of a request on this connection, which stays open; `None` once it is closed.
async fn ask(connection: &mut TcpStream, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n");
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // All of these answers end with a JSON object of two levels at most.
    while !(answer.ends_with(b"}}") || answer.ends_with(b"\"ok\"}")) {
        let mut part = [0; 1024];
        match connection.read(&mut part).await {
            Ok(0) => return None,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                return None;
            }
            Ok(read) => answer.extend_from_slice(&part[..read]),
        }
    }
    let head = String::from_utf8_lossy(&answer);
    Some(head.split(' ').nth(1)?.parse().expect("a status"))
}

async fn is_closed(address: SocketAddr) -> bool {
    let connected = TcpStream::connect(address).await;
    connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test(flavor = "multi_thread")]
async fn running_requests_end_and_so_does_the_gateway() {
    let (installation, app) = installation().await;
    let gateway = Gateway::start(&installation.shell).await;
    let mut kept = TcpStream::connect(gateway.address)
        .await
        .expect("connected");
    assert_eq!(ask(&mut kept, "/health/ready").await, Some(200));

    let client = installation.database.client().await;
    let hold_up = "BEGIN; LOCK TABLE authorization_sessions IN EXCLUSIVE MODE";
    client.batch_execute(hold_up).await.expect("locked");
    let (browser, url) = (browser(), start_url(&gateway, &app));
    let mut requests = JoinSet::new();
    for _ in 0..REQUESTS {
        requests.spawn(browser.get(url.clone()).send());
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let expected = REQUESTS.to_string();
    until("all requests are held up", async || {
        installation.sql(waiting).await == [expected.as_str()]
    })
    .await;

    gateway.signal(Signal::SIGTERM);
    let address = gateway.address;
    until("no new connection is taken", async || {
        is_closed(address).await
    })
    .await;
    let readiness = ask(&mut kept, "/health/ready").await;
    assert!(matches!(readiness, None | Some(503)), "{readiness:?}");

    client.batch_execute("ROLLBACK").await.expect("let go");
    while let Some(answer) = requests.join_next().await {
        let answer = answer.expect("a task").expect("an answer");
        assert_eq!(answer.status(), 302);
    }
    let (status, log) = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("gateway stopped"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_gateway_stops_at_once_though_a_connection_is_open() {
    let (installation, _) = installation().await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let gateway = Gateway::start(&installation.shell).await;
        let mut kept = TcpStream::connect(gateway.address)
            .await
            .expect("connected");
        assert_eq!(ask(&mut kept, "/health/live").await, Some(200));
        gateway.signal(signal);
        let (status, log) = gateway.ended().await;
        assert_eq!(status.code(), Some(0), "{signal}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_on_their_own_listener_only() {
    let (installation, app) = installation().await;
    let gateway = Gateway::start(&installation.shell).await;
    let browser = browser();
    let started = browser.get(start_url(&gateway, &app)).send().await;
    assert_eq!(started.expect("an answer").status(), 302);
    let public = browser.get(gateway.url("/metrics")).send().await;
    assert_eq!(public.expect("an answer").status(), 404);
    let other = format!("http://{}/health/live", gateway.metrics);
    let other = browser.get(other).send().await.expect("an answer");
    assert_eq!(other.status(), 404);
    let metrics = format!("http://{}/metrics", gateway.metrics);
    let metrics = browser.get(metrics).send().await.expect("an answer");
    assert_eq!(metrics.status(), 200);
    let metrics = metrics.text().await.expect("a text");
    assert!(metrics.contains("keyway_http_requests_total{"), "{metrics}");
    assert!(metrics.contains("/link/oauth2/start"), "{metrics}");
    assert!(
        !metrics.contains(CANARY) && !metrics.contains(&app),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_its_database_lives_and_is_not_ready() {
    let (installation, _) = installation().await;
    let gateway = Gateway::start(&installation.shell).await;
    installation
        .sql("ALTER TABLE __diesel_schema_migrations RENAME TO elsewhere")
        .await;
    let ready = installation
        .keyway(&["health", &gateway.url("/health/ready")])
        .await;
    ready.refused("503 Service Unavailable: {\"checks\":{");
    let live = installation
        .keyway(&["health", &gateway.url("/health/live")])
        .await;
    live.succeeded();
}
