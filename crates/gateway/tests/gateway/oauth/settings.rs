//! Settings and client secrets of an app, by the API.

use serde_json::{Value, json};

use crate::{
    backend::api_token,
    oauth::{
        client::{Client, answer, assert_refused, refreshing, text},
        proof::Key,
    },
    support::Answer,
};

struct Api {
    client: Client,
    token: String,
}

impl Api {
    async fn new() -> Self {
        let client = Client::of("linear").await;
        let gateway = &client.gateway;
        let scopes = "oauth_apps:read,oauth_apps:write";
        let token = api_token(gateway, gateway.account, scopes).await;
        Self { client, token }
    }

    async fn call(&self, method: &str, rest: &str, body: Option<&Value>) -> Answer {
        let url = format!(
            "{}/v1/oauth-apps/{}{rest}",
            self.client.gateway.base,
            self.client.id()
        );
        let mut request = self
            .client
            .gateway
            .request(method, &url)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    async fn set(&self, settings: &Value) -> Answer {
        self.call("PATCH", "", Some(&json!({"settings": settings})))
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_changed_and_kept_whole() {
    let api = Api::new().await;
    let shown = api.call("GET", "", None).await.json();
    assert_eq!(shown["settings"]["access_token"], "provider");
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(shown["settings"]["token_endpoint_auth_methods"], methods);
    let changed = api
        .set(&json!({"access_token": "gateway", "refresh_token_leeway": 10}))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["settings"]["access_token"], "gateway");
    // What is not named returns to its default.
    let again = api
        .set(&json!({"dpop_bound_access_tokens": true}))
        .await
        .json();
    assert_eq!(again["settings"]["refresh_token_leeway"], 0);
    assert_eq!(again["settings"]["access_token"], "provider");
    let other = api
        .call("PATCH", "", Some(&json!({"name": "Renamed"})))
        .await
        .json();
    assert_eq!(other["settings"]["dpop_bound_access_tokens"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_contradicts_itself_is_named_and_changes_nothing() {
    let api = Api::new().await;
    let mut private = Key::generate().jwk;
    private["d"] = "AAAA".into();
    for (settings, field) in [
        (
            json!({"token_endpoint_auth_methods": []}),
            "settings.token_endpoint_auth_methods",
        ),
        (
            json!({"token_endpoint_auth_methods": ["private_key_jwt"]}),
            "settings.jwks",
        ),
        (json!({"jwks": {"keys": [private]}}), "settings.jwks"),
        (
            json!({"refresh_token_leeway": 3600}),
            "settings.refresh_token_leeway",
        ),
    ] {
        let refused = api.set(&settings).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(
            refused.json()["validation_errors"][field].is_array(),
            "{refused:?}"
        );
    }
    for settings in [
        json!({"unknown": 1}),
        json!({"access_token": "both"}),
        json!("x"),
    ] {
        assert!((400..=422).contains(&api.set(&settings).await.status));
    }
    let shown = api.call("GET", "", None).await.json();
    assert_eq!(shown["settings"]["refresh_token_leeway"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_our_own_works_beside_the_providers_and_can_be_replaced() {
    let api = Api::new().await;
    let client = &api.client;
    let make = async || api.call("POST", "/client-secrets", None).await;
    let (first, second) = (make().await, make().await);
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(make().await.status, 409);
    let try_secret = async |secret: &str| {
        let code = client.code(&[]).await;
        let mut form = client.redemption(&code);
        form.insert("client_id".into(), client.id());
        form.insert("client_secret".into(), secret.into());
        answer(client.post("/oauth/token", &form)).await
    };
    let (old, new) = (first.json(), second.json());
    for secret in [
        text(&old, "client_secret"),
        text(&new, "client_secret"),
        &client.app.client_secret,
    ] {
        let good = try_secret(secret).await;
        assert_eq!(good.status, 200, "{good:?} {}", good.log());
    }
    let listed = api.call("GET", "/client-secrets", None).await;
    assert_eq!(listed.json()["data"].as_array().expect("a list").len(), 2);
    assert!(!listed.body.contains(text(&old, "client_secret")));
    let path = format!("/client-secrets/{}", text(&old, "id"));
    assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    assert_eq!(api.call("DELETE", &path, None).await.status, 404);
    let dead = try_secret(text(&old, "client_secret")).await;
    assert_refused(&dead, 401, "invalid_client", "client_secret wrong");
    assert_eq!(try_secret(text(&new, "client_secret")).await.status, 200);
    // At the other door it is the provider's secret that proves the client.
    let code = client.gateway.code(&client.app, &[]).await;
    let body = json!({"code": code, "client_id": client.id(), "client_secret": text(&new, "client_secret")});
    client
        .gateway
        .post_token(&body)
        .await
        .assert_token_error(401, "invalid_client", "wrong");
    let other = client.gateway.register("linear").await;
    let mut form = refreshing("x");
    form.insert("client_id".into(), other.id.to_string());
    form.insert("client_secret".into(), text(&new, "client_secret").into());
    let foreign = answer(client.post("/oauth/token", &form)).await;
    assert_refused(&foreign, 401, "invalid_client", "client_secret wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_sees_and_changes_nothing() {
    let mut api = Api::new().await;
    api.call("POST", "/client-secrets", None).await;
    let gateway = &api.client.gateway;
    let other = gateway.other_account().await;
    let token = api_token(gateway, other, "oauth_apps:read,oauth_apps:write").await;
    api.token = token;
    for method in ["GET", "POST"] {
        assert_eq!(api.call(method, "/client-secrets", None).await.status, 404);
    }
    assert_eq!(
        api.set(&json!({"access_token": "gateway"})).await.status,
        404
    );
    let id = api
        .client
        .gateway
        .sql("SELECT id FROM client_secrets")
        .await;
    let path = format!("/client-secrets/{}", id[0]);
    assert_eq!(api.call("DELETE", &path, None).await.status, 404);
}
