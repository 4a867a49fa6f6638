//! Real authorization servers, which nobody here wrote, as processes of their own.
//!
//! What they need is installed by `script/setup test`: Node.js and the packages of `e2e`, Python and the
//! packages of `real/requirements.txt`.

mod browser;
mod process;
mod python;

use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::process::Child;
use url::Url;

pub use self::python::PythonServer;

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
        let (process, issuer) = process::start("node", &[program, &options.to_string()]).await;
        Self {
            issuer,
            http: browser::client(authority),
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
        browser::approve(&self.http, &self.issuer, authorize_url).await
    }
}
