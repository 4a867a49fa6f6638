//! `/v1/link-sessions`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    backend::api_token,
    support::{Answer, Gateway, TestApp},
};

const TEMPLATE: &str = "https://client.example/oauth2/callback/:provider";

/// A gateway with a client backend that may make link sessions.
pub struct Client {
    pub gateway: Gateway,
    pub bearer: String,
}

impl Client {
    pub async fn new() -> Self {
        let gateway = Gateway::start().await;
        let token = api_token(&gateway, gateway.account, "link_sessions:write").await;
        Self {
            gateway,
            bearer: format!("Bearer {token}"),
        }
    }

    pub async fn post(&self, body: &Value) -> Answer {
        let url = format!("{}/v1/link-sessions", self.gateway.base);
        let request = self.gateway.request("POST", &url).json(body);
        let request = request.header("authorization", &self.bearer);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// A session's page.
    pub async fn session(&self, body: &Value) -> Made {
        let answer = self.post(body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        Made {
            id: text("id"),
            url: text("url"),
            app: None,
        }
    }

    /// What the API tells of a session.
    pub async fn show(&self, id: &str) -> Value {
        let answer = self.look_up(id, &self.bearer).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn look_up(&self, id: &str, bearer: &str) -> Answer {
        let url = format!("{}/v1/link-sessions/{id}", self.gateway.base);
        let request = self.gateway.request("GET", &url);
        let request = request.header("authorization", bearer);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// What is refused names this field.
    #[track_caller]
    fn assert_refused(answer: &Answer, field: &str) {
        assert_eq!(answer.status, 422, "{field}: {answer:?}");
        let errors = &answer.json()["validation_errors"];
        assert!(errors[field][0].is_string(), "{field}: {answer:?}");
    }
}

/// A session that was made.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: String,
    pub url: String,
    /// What the end user chooses; the only one that is offered, if none.
    pub app: Option<String>,
}

pub fn request(apps: &[&TestApp]) -> Value {
    let ids: Vec<_> = apps.iter().map(|app| app.id).collect();
    json!({"oauth_app_ids": ids, "end_user": {"id": "user-7"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_made_and_shown() {
    let client = Client::new().await;
    let app = client.gateway.register("linear").await;
    let mut body = request(&[&app]);
    body["redirect_uri"] = json!(TEMPLATE);
    body["end_user"] = json!({"id": "user-7", "email": "ada@customer.example", "name": "Ada"});
    body["metadata"] = json!({"team": 7});
    body["scope"] = json!("read write");
    body["expires_in"] = json!(60);
    let made = client.session(&body).await;
    let token = made.url.rsplit('/').next().expect("a token");
    assert_eq!(
        made.url,
        format!("{}/link/session/{token}", client.gateway.base)
    );
    assert_eq!(token.len(), 43);
    let shown = client.show(&made.id).await;
    assert_eq!(shown["status"], "open");
    assert_eq!(shown["credential_id"], Value::Null);
    assert_eq!(shown["oauth_app_ids"], json!([app.id]));
    assert_eq!(shown["end_user"], body["end_user"]);
    assert_eq!(shown["metadata"], body["metadata"]);
    assert_eq!(shown["redirect_uri"], TEMPLATE);
    assert!(
        !shown.to_string().contains(token),
        "the token is shown once"
    );
    client.gateway.clock.advance(TimeDelta::seconds(60));
    assert_eq!(client.show(&made.id).await["status"], "expired");
    let audited = "SELECT actor_kind FROM audit_events WHERE action = 'link_session.created'";
    assert_eq!(client.gateway.sql(audited).await, ["api_token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_apps_it_offers_all_of_the_account() {
    let client = Client::new().await;
    let none = client.post(&json!({"end_user": {"id": "user-7"}})).await;
    Client::assert_refused(&none, "oauth_app_ids");
    let stranger = client.gateway.other_account().await;
    client.gateway.register_for(stranger, "stripe", None).await;
    let linear = client.gateway.register("linear").await;
    let github = client.gateway.register("github").await;
    let body = json!({"end_user": {"id": "user-7"}, "redirect_uri": TEMPLATE});
    let made = client.session(&body).await;
    let shown = client.show(&made.id).await;
    assert_eq!(shown["oauth_app_ids"], json!([github.id, linear.id]));
    // An expansion for one provider is none for another.
    let expanded = TEMPLATE.replace(":provider", "linear");
    let body = json!({"end_user": {"id": "user-7"}, "redirect_uri": expanded});
    Client::assert_refused(&client.post(&body).await, "redirect_uri");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_checked() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let linear = gateway.register("linear").await;
    let shopify = gateway.register("shopify").await;
    let foreign = gateway
        .register_for(gateway.other_account().await, "linear", None)
        .await;
    let code = gateway.code(&linear, &[]).await;
    let credential = gateway.redeem(&linear, &code).await.json()["credential"]["id"].clone();
    let long = "x".repeat(201);
    for (field, value, named) in [
        ("oauth_app_ids", json!([]), "oauth_app_ids"),
        ("oauth_app_ids", json!(["x"]), "oauth_app_ids"),
        ("oauth_app_ids", json!([foreign.id]), "oauth_app_ids"),
        (
            "oauth_app_ids",
            json!([linear.id, foreign.id]),
            "oauth_app_ids",
        ),
        (
            "redirect_uri",
            json!("https://evil.example/"),
            "redirect_uri",
        ),
        (
            "redirect_uri",
            json!("https://client.example/oauth2/callback/stripe"),
            "redirect_uri",
        ),
        ("state", json!("x".repeat(5 * 1024 + 1)), "state"),
        ("end_user", json!({"id": ""}), "end_user.id"),
        ("end_user", json!({"id": " "}), "end_user.id"),
        ("end_user", json!({"id": long}), "end_user.id"),
        ("end_user", json!({"id": "a\u{0}"}), "end_user.id"),
        (
            "end_user",
            json!({"id": "a", "email": ""}),
            "end_user.email",
        ),
        (
            "end_user",
            json!({"id": "a", "name": long}),
            "end_user.name",
        ),
        ("metadata", json!({"a": "\u{0}"}), "metadata"),
        ("metadata", json!({"a": "x".repeat(16 * 1024)}), "metadata"),
        ("params", json!({"nothing": "x"}), "params"),
        ("scope", json!("re\"ad"), "scope"),
        ("expires_in", json!(59), "expires_in"),
        ("expires_in", json!(604_801), "expires_in"),
        ("credential_id", json!("x"), "credential_id"),
        ("credential_id", json!(linear.id), "credential_id"),
    ] {
        let mut body = request(&[&linear]);
        body[field] = value;
        Client::assert_refused(&client.post(&body).await, named);
    }
    // What concerns one provider is not for another.
    let mut body = request(&[&shopify]);
    body["params"] = json!({"shop": "evil.example/"});
    Client::assert_refused(&client.post(&body).await, "params");
    body["params"] = json!({"shop": "acme"});
    body["credential_id"] = credential.clone();
    Client::assert_refused(&client.post(&body).await, "oauth_app_ids");
    let mut body = request(&[&shopify, &linear]);
    body["params"] = json!({"shop": "acme"});
    client.session(&body).await;
    body["scope"] = json!("read");
    Client::assert_refused(&client.post(&body).await, "scope");
    let mut body = request(&[&linear]);
    body["credential_id"] = credential;
    client.session(&body).await;
    for bad in [
        json!([]),
        json!({}),
        json!({"end_user": {}}),
        json!({"end_user": {"id": "a"}, "metadata": []}),
        json!({"end_user": {"id": "a"}, "surplus": 1}),
    ] {
        assert_eq!(client.post(&bad).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_session_and_credential_do_not_exist() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let stranger = gateway.other_account().await;
    let token = api_token(gateway, stranger, "link_sessions:write").await;
    let foreign = client.look_up(&made.id, &format!("Bearer {token}")).await;
    assert_eq!(foreign.status, 404);
    for id in ["x", "00000000-0000-7000-8000-000000000000"] {
        assert_eq!(client.look_up(id, &client.bearer).await.status, 404);
    }
    let code = gateway.code(&app, &[]).await;
    let credential = gateway.redeem(&app, &code).await.json()["credential"]["id"].clone();
    let own = gateway.register_for(stranger, "linear", None).await;
    let mut body = request(&[&own]);
    body["credential_id"] = credential;
    let url = format!("{}/v1/link-sessions", gateway.base);
    let request = gateway.request("POST", &url).json(&body);
    let request = request.header("authorization", format!("Bearer {token}"));
    let answer = Answer::of(request.send().await.expect("an answer")).await;
    Client::assert_refused(&answer, "credential_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_with_the_scope_may() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let weak = api_token(gateway, gateway.account, "credentials:read").await;
    let weak = Client {
        bearer: format!("Bearer {weak}"),
        ..client
    };
    assert_eq!(weak.post(&request(&[&app])).await.status, 403);
    assert_eq!(weak.look_up(&made.id, &weak.bearer).await.status, 403);
    assert_eq!(weak.look_up(&made.id, "Bearer kw_x").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_makes_one_session() {
    let client = Client::new().await;
    let app = client.gateway.register("linear").await;
    let url = format!("{}/v1/link-sessions", client.gateway.base);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = client
            .gateway
            .request("POST", &url)
            .json(&request(&[&app]))
            .header("authorization", &client.bearer)
            .header("idempotency-key", "once");
        answers.push(Answer::of(request.send().await.expect("an answer")).await);
    }
    assert_eq!(answers[0].status, 201);
    assert_eq!(answers[0].json(), answers[1].json());
    let count = "SELECT count(*) FROM link_sessions";
    assert_eq!(client.gateway.sql(count).await, ["1"]);
}
