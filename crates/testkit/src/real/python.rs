//! Servers of Python: an issuer and a resource each, with an end user who agrees to everything, and open
//! registration.

use tokio::process::Child;
use url::Url;

use super::{browser, process};

/// A server of Python. It ends when this is dropped.
#[derive(Debug)]
pub struct PythonServer {
    base: String,
    issuer: String,
    http: reqwest::Client,
    _process: Child,
}

impl PythonServer {
    /// django-oauth-toolkit, an `OpenID` Provider.
    pub async fn oauth_toolkit() -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/real/oauth_toolkit.py");
        Self::start(program, "/o").await
    }

    /// fastmcp: an MCP server, and the authorization server that the MCP SDK brings.
    pub async fn mcp() -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/real/mcp_server.py");
        Self::start(program, "/").await
    }

    async fn start(program: &str, issuer: &str) -> Self {
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/real/bin/python");
        let (process, base) = process::start(python, &[program]).await;
        Self {
            issuer: format!("{base}{issuer}"),
            base,
            http: browser::client(None),
            _process: process,
        }
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The resource that it guards.
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
