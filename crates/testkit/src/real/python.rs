//! The django-oauth-toolkit of Python.

use tokio::process::Child;
use url::Url;

use super::{browser, process};

/// The django-oauth-toolkit of Python: an issuer and a resource, with an end user who agrees to
/// everything, and open registration. It ends when this is dropped.
#[derive(Debug)]
pub struct OauthToolkit {
    base: String,
    http: reqwest::Client,
    _process: Child,
}

impl OauthToolkit {
    /// Starts it.
    pub async fn start() -> Self {
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/real/bin/python");
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/real/oauth_toolkit.py");
        let (process, base) = process::start(python, &[program]).await;
        Self {
            base,
            http: browser::client(None),
            _process: process,
        }
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("{}/o", self.base)
    }

    /// The resource that it guards, as an MCP server is one.
    pub fn resource(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Opens an authorization URL as the end user's browser would: where it is sent back to.
    pub async fn approve(&self, authorize_url: &str) -> Url {
        browser::approve(&self.http, &self.base, authorize_url).await
    }

    /// The paths that were asked for so far, each with the answer's status.
    pub async fn seen(&self) -> Vec<(String, u16)> {
        let url = format!("{}/seen", self.base);
        let answer = self.http.get(url).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}
