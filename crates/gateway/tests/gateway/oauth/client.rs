//! A client of the OAuth endpoints, as these tests play it.

use std::collections::BTreeMap;

use keyway_domain::{
    audit::Actor, client_settings::ClientSettings, pkce::CodeVerifier, random::OsRandom,
};
use keyway_store::OauthAppChange;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, REDIRECT_URI, TestApp, query};

/// A gateway, an app at one provider, and its client backend.
pub struct Client {
    pub gateway: Gateway,
    pub app: TestApp,
    pub verifier: CodeVerifier,
}

/// A form.
pub type Form = BTreeMap<String, String>;

impl Client {
    pub async fn of(provider: &str) -> Self {
        Self::with(provider, json!({})).await
    }

    /// A client with these settings.
    pub async fn with(provider: &str, settings: Value) -> Self {
        let gateway = Gateway::start().await;
        let app = gateway.register(provider).await;
        let client = Self {
            gateway,
            app,
            verifier: CodeVerifier::generate(&OsRandom),
        };
        client.set(settings).await;
        client
    }

    pub async fn set(&self, settings: Value) {
        let settings: ClientSettings = serde_json::from_value(settings).expect("settings");
        assert_eq!(settings.problems(), []);
        let change = OauthAppChange {
            settings: Some(settings),
            ..OauthAppChange::default()
        };
        let store = &self.gateway.app.store;
        let now = self.gateway.app.now();
        let account = self.gateway.account;
        let changed = store.update_oauth_app(account, self.app.id, &change, Actor::Operator, now);
        changed.await.expect("an answer").expect("an app");
    }

    pub fn id(&self) -> String {
        self.app.id.to_string()
    }

    pub fn redirect_uri(&self) -> String {
        REDIRECT_URI.replace(":provider", &self.app.provider)
    }

    /// The parameters of an authorization request, and these.
    pub fn request(&self, more: &[(&str, &str)]) -> Form {
        let mut form = form(&[
            ("response_type", "code"),
            ("client_id", &self.id()),
            ("redirect_uri", &self.redirect_uri()),
            ("code_challenge", self.verifier.challenge().as_str()),
            ("code_challenge_method", "S256"),
            ("state", "client-state"),
        ]);
        form.extend(self::form(more));
        form
    }

    pub fn authorize_url(&self, request: &Form) -> String {
        let pairs: Vec<_> = request
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.gateway.url("/oauth/authorize", &pairs)
    }

    /// From this address to the provider and back, to the client's page.
    pub async fn walk(&self, url: &str) -> Answer {
        let begun = self.gateway.get(url).await;
        assert_eq!(begun.status, 302, "{begun:?} {}", begun.log());
        let callback = self.gateway.lab.approve(begun.location().as_str()).await;
        let callback = callback.expect("the provider agrees");
        self.gateway.get_with(&callback.url, &begun.cookie()).await
    }

    /// A whole flow, to the code.
    pub async fn code(&self, more: &[(&str, &str)]) -> String {
        let answer = self.walk(&self.authorize_url(&self.request(more))).await;
        let query = query(&answer.location());
        let code = query.get("code");
        code.unwrap_or_else(|| panic!("no code: {query:?} {}", answer.log()))
            .clone()
    }

    /// The form that redeems a code, without the client's proof.
    pub fn redemption(&self, code: &str) -> Form {
        form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri()),
            ("code_verifier", self.verifier.secret().expose()),
        ])
    }

    /// The form, with the client's secret in it.
    pub fn proven(&self, mut form: Form) -> Form {
        form.insert("client_id".into(), self.id());
        form.insert("client_secret".into(), self.app.client_secret.clone());
        form
    }

    pub fn post(&self, path: &str, form: &Form) -> RequestBuilder {
        let url = format!("{}{path}", self.gateway.base);
        self.gateway.request("POST", &url).form(form)
    }

    /// Posts a form with the client's secret in it.
    pub async fn send(&self, path: &str, form: Form) -> Answer {
        answer(self.post(path, &self.proven(form))).await
    }

    /// A whole flow, to the token answer.
    pub async fn connect(&self, more: &[(&str, &str)]) -> Value {
        let code = self.code(more).await;
        let answer = self.send("/oauth/token", self.redemption(&code)).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
        answer.json()
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.send("/oauth/token", refreshing(token)).await
    }
}

/// The form that spends a refresh token, without the client's proof.
pub fn refreshing(token: &str) -> Form {
    form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
}

pub fn form(pairs: &[(&str, &str)]) -> Form {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub async fn answer(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

/// A text of a JSON answer.
#[track_caller]
pub fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {body}"))
}

/// An error of RFC 6749 section 5.2; and the log says why.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, error: &str, detail: &str) {
    assert_eq!(answer.status, status, "{answer:?} {}", answer.log());
    let body = answer.json();
    assert_eq!(body["error"], error, "{answer:?}");
    assert!(!text(&body, "error_description").is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.log().contains(detail), "log: {}", answer.log());
}
