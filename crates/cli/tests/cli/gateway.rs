//! The gateway as a process.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{ExitStatus, Output},
    sync::Arc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr},
    task::JoinHandle,
};

use crate::support::{CANARY, Shell, ended};

/// The program, which lies beside ours.
pub fn program() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_keyway")).with_file_name("keyway-gateway");
    assert!(
        path.exists(),
        "{} is missing: `cargo build --workspace --bins` makes it",
        path.display()
    );
    path
}

/// A gateway that is ready. Killed when it is dropped.
pub struct Gateway {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    child: Child,
    log: JoinHandle<String>,
}

impl Gateway {
    /// Starts one at ports of its own, and waits until it says that it is ready.
    pub async fn start(shell: &Shell) -> Self {
        let metrics = free_address();
        let mut child = shell
            .command(&program())
            .env("KEYWAY_LISTEN", "127.0.0.1:0")
            .env("KEYWAY_METRICS_LISTEN", metrics.to_string())
            .env("KEYWAY_LOG_FORMAT", "json")
            .spawn()
            .expect("the gateway starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a log")).lines();
        let ready = tokio::time::timeout(Duration::from_mins(1), until_ready(&mut lines));
        let address = ready.await.expect("ready within a minute");
        Self {
            address,
            metrics,
            child,
            log: tokio::spawn(rest_of(lines)),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it runs");
        let id = Pid::from_raw(id.try_into().expect("an id"));
        kill(id, signal).expect("signalled");
    }

    /// How it ended, and what it logged to the end; it has 20 seconds.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        let status = ended.expect("ends within 20 seconds").expect("an end");
        (status, self.log.await.expect("a log"))
    }
}

/// The address, from the line that says so.
async fn until_ready(lines: &mut Lines<BufReader<ChildStderr>>) -> SocketAddr {
    let mut before = String::new();
    while let Some(line) = lines.next_line().await.expect("a line") {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "gateway ready" {
            let address = event["address"].as_str().expect("an address");
            return address.parse().expect("an address");
        }
        before.push_str(&line);
    }
    panic!("it did not get ready: {before}");
}

async fn rest_of(mut lines: Lines<BufReader<ChildStderr>>) -> String {
    let mut log = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        log.push_str(&line);
        log.push('\n');
    }
    log
}

/// A port that nobody has at the moment.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address")
}

/// Why a gateway with these settings does not start; it has ten seconds to say so.
#[track_caller]
pub fn refusal(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, "");
    assert!(!stderr.contains(CANARY), "a secret is shown: {stderr}");
    assert!(!stderr.contains("backtrace"), "{stderr}");
    stderr
}

pub async fn start_in_vain(shell: &Shell) -> Output {
    let mut command = shell.command(&program());
    let child = command.env("RUST_BACKTRACE", "0").spawn();
    let ended = ended(child.expect("the gateway starts"));
    let within = tokio::time::timeout(Duration::from_secs(10), ended).await;
    within.expect("it gives up within ten seconds")
}

/// A browser that follows nothing.
#[expect(clippy::disallowed_methods, reason = "a browser, not a client of ours")]
pub fn browser() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .tls_backend_preconfigured(tls)
        .build()
        .expect("a client")
}
