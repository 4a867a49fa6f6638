//! A client backend with an API token.

use keyway_domain::{api_token::ApiScope, ids::AccountId};
use serde_json::Value;

use crate::{
    backend::api_token,
    support::{Answer, Gateway},
};

/// Who calls the API of a gateway.
pub struct Client<'a> {
    gateway: &'a Gateway,
    pub token: String,
}

impl<'a> Client<'a> {
    /// With a token of the gateway's account that may do this.
    pub async fn with(gateway: &'a Gateway, scopes: &str) -> Self {
        Self::of(gateway, gateway.account, scopes).await
    }

    /// With a token that may do everything.
    pub async fn new(gateway: &'a Gateway) -> Self {
        Self::with(gateway, &ApiScope::ALL.join(",")).await
    }

    /// With a token of that account.
    pub async fn of(gateway: &'a Gateway, account: AccountId, scopes: &str) -> Self {
        Self {
            gateway,
            token: api_token(gateway, account, scopes).await,
        }
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.gateway.base);
        self.gateway.request(method, &url).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request("POST", path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request("PATCH", path).json(body)).await
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

impl Answer {
    /// JSON of this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?} {}", self.log());
        assert_eq!(self.header("cache-control"), Some("no-store"));
        self.json()
    }

    /// An error of the API with this status; and the log says why.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, detail: &str) {
        let summary = self.ok(status)["summary"].clone();
        assert!(summary.as_str().is_some_and(|summary| !summary.is_empty()));
        assert!(self.log().contains(detail), "log: {}", self.log());
    }

    /// A 422 that names exactly these fields.
    #[track_caller]
    pub fn assert_invalid(&self, fields: &[&str]) {
        let body = self.ok(422);
        let named = body["validation_errors"].as_object().expect("fields");
        let named: Vec<&str> = named.keys().map(String::as_str).collect();
        assert_eq!(named, fields, "{body}");
    }
}
