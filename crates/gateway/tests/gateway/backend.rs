//! The client backend: it holds an API token, and credentials by their ids.

use chrono::{DateTime, Utc};
use keyway_domain::{
    Clock as _,
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    credential::Credential,
    ids::{AccountId, ApiTokenId, CredentialId},
    opaque::OpaqueToken as _,
    random::OsRandom,
};
use keyway_store::{NewApiToken, StoredCredential};
use keyway_testkit::lab::Endpoint;
use serde_json::Value;

use crate::support::{Answer, Gateway, TestApp};

/// A gateway, an app at one provider, and a client backend that may do all with credentials.
pub struct Backend {
    pub gateway: Gateway,
    pub app: TestApp,
    pub token: String,
}

impl Backend {
    pub async fn of(provider: &str) -> Self {
        Self::at(Gateway::start().await, provider).await
    }

    pub async fn at(gateway: Gateway, provider: &str) -> Self {
        let app = gateway.register(provider).await;
        let scopes = "credentials:token,credentials:write";
        let token = api_token(&gateway, gateway.account, scopes).await;
        Self {
            gateway,
            app,
            token,
        }
    }

    /// Connects whoever is signed in at the provider.
    pub async fn connect(&self) -> CredentialId {
        let code = self.gateway.code(&self.app, &[]).await;
        let answer = self.gateway.redeem(&self.app, &code).await;
        let id = &answer.json()["credential"]["id"];
        id.as_str().expect("an id").parse().expect("an id")
    }

    pub async fn call(&self, method: &str, id: CredentialId, rest: &str) -> Answer {
        self.call_as(&self.token, method, &id.to_string(), rest)
            .await
    }

    pub async fn call_as(&self, token: &str, method: &str, id: &str, rest: &str) -> Answer {
        let url = format!("{}/v1/credentials/{id}/{rest}", self.gateway.base);
        let request = self.gateway.request(method, &url);
        let request = request.header("authorization", format!("Bearer {token}"));
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// The answer of the token endpoint.
    pub async fn read(&self, id: CredentialId) -> Answer {
        self.call("GET", id, "token").await
    }

    /// The access token, which must be one that the provider takes.
    #[track_caller]
    pub fn good(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
        let token = answer.json()["access_token"].clone();
        let token = token.as_str().expect("a token").to_owned();
        assert!(self.gateway.lab.is_live(&token), "a dead token");
        token
    }

    pub async fn stored(&self, id: CredentialId) -> StoredCredential {
        let store = &self.gateway.app.store;
        let found = store.find_stored_credential(self.gateway.account, id).await;
        found.expect("an answer").expect("a credential")
    }

    pub async fn shown(&self, id: CredentialId) -> Credential {
        let store = &self.gateway.app.store;
        let found = store.find_credential(self.gateway.account, id).await;
        found.expect("an answer").expect("a credential")
    }

    /// Moves the clock.
    pub fn wait_until(&self, at: DateTime<Utc>) {
        let clock = &self.gateway.clock;
        clock.advance(at - clock.now());
    }

    /// How many refreshes reached the provider.
    pub fn refreshes(&self) -> usize {
        let lab = &self.gateway.lab;
        lab.calls(&self.app.provider, Endpoint::Refresh).len()
    }

    /// What happened to credentials after they were connected, with the health that it told of.
    pub async fn events(&self) -> Vec<String> {
        let events = "SELECT kind || coalesce(' ' || (data #>> '{health,status}'), '') FROM events
                      WHERE credential_id IS NOT NULL AND kind <> 'credential.created' ORDER BY position";
        self.gateway.sql(events).await
    }
}

/// The note of an answer's health.
pub fn note(answer: &Answer) -> String {
    let notes: &Value = &answer.json()["health"]["notes"];
    notes[0].as_str().unwrap_or_default().to_owned()
}

pub async fn api_token(gateway: &Gateway, account: AccountId, scopes: &str) -> String {
    let now = gateway.app.now();
    let token = ApiToken::generate(&OsRandom);
    let new = NewApiToken {
        id: ApiTokenId::generate(now, &OsRandom),
        account_id: account,
        name: "test".into(),
        digest: keyway_vault::digest::unkeyed(&token),
        scopes: ApiScope::parse_list(scopes).expect("scopes"),
        created_at: now,
        expires_at: None,
    };
    let stored = gateway.app.store.insert_api_token(&new, Actor::Operator);
    stored.await.expect("stored");
    token.secret().expose().clone()
}
