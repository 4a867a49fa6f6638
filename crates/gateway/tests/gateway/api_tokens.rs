//! API tokens at the gateway: revoked ones are refused, and used ones are known to be.

use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    ids::ApiTokenId,
    opaque::OpaqueToken as _,
    random::OsRandom,
};
use keyway_gateway::lifecycle::used_tokens;
use keyway_store::NewApiToken;
use serde_json::json;

use crate::support::{Answer, Gateway, TestApp};

struct Token {
    id: ApiTokenId,
    bearer: String,
}

async fn token(gateway: &Gateway, scopes: &str) -> Token {
    let now = gateway.app.now();
    let token = ApiToken::generate(&OsRandom);
    let new = NewApiToken {
        id: ApiTokenId::generate(now, &OsRandom),
        account_id: gateway.account,
        name: "test".into(),
        digest: keyway_vault::digest::unkeyed(&token),
        scopes: ApiScope::parse_list(scopes).expect("scopes"),
        created_at: now,
        expires_at: None,
    };
    let inserted = gateway.app.store.insert_api_token(&new, Actor::Operator);
    inserted.await.expect("stored");
    Token {
        id: new.id,
        bearer: format!("Bearer {}", token.secret().expose()),
    }
}

async fn ask(gateway: &Gateway, app: &TestApp, token: &Token) -> Answer {
    let url = format!("{}/v1/credentials/start-auth", gateway.base);
    let redirect_url = "https://client.example/oauth2/callback/:provider";
    let request = gateway
        .request("POST", &url)
        .header("authorization", &token.bearer)
        .json(&json!({"oauth_app_id": app.id, "redirect_url": redirect_url}));
    Answer::of(request.send().await.expect("an answer")).await
}

/// When each token was last used, oldest token first.
async fn used(gateway: &Gateway) -> Vec<String> {
    let rows = "SELECT last_used_at = now_ FROM api_tokens, (VALUES ($1::timestamptz)) v (now_)";
    let at = gateway.app.now().to_rfc3339();
    let rows = rows.replace("$1", &format!("'{at}'"));
    gateway.sql(&format!("{rows} ORDER BY id")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_at_once() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let token = token(&gateway, "link_sessions:write").await;
    assert_eq!(ask(&gateway, &app, &token).await.status, 200);
    let store = &gateway.app.store;
    let now = gateway.app.now();
    let revoked = store.delete_api_token(gateway.account, token.id, Actor::Operator, now);
    assert!(revoked.await.expect("an answer"));
    assert_eq!(ask(&gateway, &app, &token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn use_is_noted_in_the_background_and_only_of_tokens_that_are_good() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let good = token(&gateway, "link_sessions:write").await;
    let bad = Token {
        id: good.id,
        bearer: format!("Bearer {}", ApiToken::generate(&OsRandom).secret().expose()),
    };
    assert_eq!(ask(&gateway, &app, &bad).await.status, 401);
    used_tokens::once(&gateway.app).await.expect("noted");
    assert_eq!(used(&gateway).await, ["NULL"]);
    assert_eq!(ask(&gateway, &app, &good).await.status, 200);
    assert_eq!(used(&gateway).await, ["NULL"], "not on the request's path");
    used_tokens::once(&gateway.app).await.expect("noted");
    assert_eq!(used(&gateway).await, ["t"]);
}

/// Its holder uses it, though in vain: an admin who looks for a leaked token wants to see that.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lacks_a_scope_was_used_too() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let token = token(&gateway, "events:read").await;
    assert_eq!(ask(&gateway, &app, &token).await.status, 403);
    used_tokens::once(&gateway.app).await.expect("noted");
    assert_eq!(used(&gateway).await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_noted_is_noted_the_next_time() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let token = token(&gateway, "link_sessions:write").await;
    assert_eq!(ask(&gateway, &app, &token).await.status, 200);
    gateway
        .sql("ALTER TABLE api_tokens RENAME COLUMN last_used_at TO away")
        .await;
    used_tokens::once(&gateway.app)
        .await
        .expect_err("not noted");
    gateway
        .sql("ALTER TABLE api_tokens RENAME COLUMN away TO last_used_at")
        .await;
    used_tokens::once(&gateway.app).await.expect("noted");
    assert_eq!(used(&gateway).await, ["t"]);
}
