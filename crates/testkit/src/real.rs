//! Real authorization servers, which nobody here wrote, as processes of their own.
//!
//! What they need is installed by `script/setup test`: Node.js, and the packages of `e2e`.

use std::{collections::BTreeMap, process::Stdio, sync::Arc, time::Duration};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use url::Url;

/// npm's oidc-provider, with an end user who agrees to everything. It ends when this is dropped.
#[derive(Debug)]
pub struct OidcProvider {
    issuer: String,
    http: reqwest::Client,
    _process: Child,
}

impl OidcProvider {
    /// Starts it with these options: see `real/oidc_provider.mjs`.
    pub async fn start(options: &Value) -> Self {
        Self::start_trusted(options, None).await
    }

    /// Starts it, for a browser that trusts this authority.
    pub async fn start_trusted(options: &Value, authority: Option<CertificateDer<'_>>) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/real/oidc_provider.mjs");
        let mut process = Command::new("node")
            .arg(program)
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js: script/setup test");
        let output = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let issuer = loop {
            let line = lines.next_line().await.expect("readable");
            let line = line.expect("its packages: script/setup test");
            // It has warnings of its own to say.
            if line.starts_with("http://127.0.0.1:") || line.starts_with("https://127.0.0.1:") {
                break line;
            }
        };
        // Nobody reads on, but it must not find the pipe closed.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            issuer,
            http: client(authority),
            _process: process,
        }
    }

    /// Its issuer, and the start of all its URLs.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Registers a client by its `redirect_uri`: what RFC 7591 answers, and `private_key`, by which it
    /// proves itself (`private_key_jwt`). One with a `dns_name` does so by a certificate of that name.
    pub async fn register(&self, client: &Value) -> Value {
        let url = format!("{}/client", self.issuer);
        let sending = self.http.post(url).body(client.to_string()).send();
        let answer = sending.await.expect("an answer");
        let client: Value = answer.json().await.expect("JSON");
        assert!(client.get("client_id").is_some(), "{client}");
        client
    }

    /// The requests that came so far, in order.
    pub async fn seen(&self) -> Vec<Value> {
        let url = format!("{}/seen", self.issuer);
        let answer = self.http.get(url).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// The requests that came to this path.
    pub async fn seen_at(&self, path: &str) -> Vec<Value> {
        let mut all = self.seen().await;
        all.retain(|request| request["path"] == path);
        all
    }

    /// Opens an authorization URL as the end user's browser would: where it is sent back to.
    pub async fn approve(&self, authorize_url: &str) -> Url {
        let mut cookies: BTreeMap<String, String> = BTreeMap::new();
        let mut here: Url = authorize_url.parse().expect("a URL");
        for _ in 0..12 {
            if !here.as_str().starts_with(&self.issuer) {
                return here;
            }
            let pairs: Vec<String> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = self.http.get(here.clone());
            let request = request.header(COOKIE, pairs.join("; "));
            let answer = request.send().await.expect("an answer");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let cookie = cookie.to_str().expect("text");
                let pair = cookie.split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    cookies.insert(name.to_owned(), value.to_owned());
                }
            }
            let Some(location) = answer.headers().get(LOCATION) else {
                let status = answer.status();
                let page = answer.text().await.unwrap_or_default();
                panic!("{here} answered {status}: {page}");
            };
            here = here.join(location.to_str().expect("text")).expect("a URL");
        }
        panic!("it goes round in circles: {here}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a browser, not a client of ours")]
fn client(authority: Option<CertificateDer<'_>>) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = authority {
        roots.add(authority.into_owned()).expect("a certificate");
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ));
    let tls = tls
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .tls_backend_preconfigured(tls)
        .build()
        .expect("a client")
}
