//! The whole flow, as the client backend and the end user see it.

use keyway_domain::pkce::CodeVerifier;
use serde_json::json;

use crate::support::{Gateway, query};

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_credential() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let answer = gateway
        .connect(&app, &[("state", "my state &=\u{e9}")])
        .await;

    assert_eq!(answer.status, 302, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let location = answer.location();
    assert!(
        location
            .as_str()
            .starts_with("https://client.example/oauth2/callback/linear?code=")
    );
    let query = query(&location);
    assert_eq!(query["state"], "my state &=\u{e9}");
    assert_eq!(query.len(), 2);

    let answer = gateway.redeem(&app, &query["code"]).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["state"], "my state &=\u{e9}");
    assert_eq!(body["credential"]["oauth_app_id"], json!(app.id));
    assert_eq!(body["credential"]["properties"]["kind"], "linear_oauth2");
    let token = body["credential"]["properties"]["access_token"]
        .as_str()
        .expect("a token");
    assert!(gateway.lab.is_live(token));
    let id = gateway.sql("SELECT id FROM credentials").await;
    assert_eq!(json!(id), json!([body["credential"]["id"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_state_none_comes_back() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let answer = gateway.connect(&app, &[]).await;
    let query = query(&answer.location());
    assert_eq!(query.keys().collect::<Vec<_>>(), ["code"]);
    assert_eq!(
        gateway.redeem(&app, &query["code"]).await.json()["state"],
        json!(null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_again_renews_the_same_credential() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let code = gateway.code(&app, &[]).await;
    let first = gateway.redeem(&app, &code).await.json();
    let code = gateway.code(&app, &[]).await;
    let second = gateway.redeem(&app, &code).await.json();
    assert_eq!(first["credential"]["id"], second["credential"]["id"]);
    assert_ne!(
        first["credential"]["properties"]["access_token"],
        second["credential"]["properties"]["access_token"]
    );
    assert_eq!(gateway.sql("SELECT count(*) FROM credentials").await, ["1"]);
    assert_eq!(
        gateway.sql("SELECT count(*) FROM grants").await,
        ["1"],
        "the older grant is erased"
    );
    let actions = gateway
        .sql("SELECT action FROM audit_events WHERE action LIKE 'credential.%' ORDER BY action")
        .await;
    assert_eq!(actions, ["credential.created", "credential.renewed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pkce_between_the_client_and_keyway() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let verifier = CodeVerifier::generate(&keyway_domain::random::OsRandom);
    let challenge = verifier.challenge();
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let code = gateway.code(&app, &pkce).await;
    let answer = gateway
        .post_token(&json!({
            "code": code,
            "client_id": app.id,
            "client_secret": app.client_secret,
            "code_verifier": verifier.secret().expose(),
        }))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_query_is_kept() {
    let gateway = Gateway::start().await;
    gateway
        .add_redirect_uri("https://client.example/cb?from=:provider")
        .await;
    let app = gateway.register("linear").await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[
            ("client_id", &app.id.to_string()),
            ("redirect_uri", "https://client.example/cb?from=linear"),
        ],
    );
    let started = gateway.get(&url).await;
    let callback = gateway
        .lab
        .approve(started.location().as_str())
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &started.cookie()).await;
    assert!(
        answer
            .location()
            .as_str()
            .starts_with("https://client.example/cb?from=linear&code=")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_itself_is_expanded() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[
            ("client_id", &app.id.to_string()),
            ("redirect_uri", crate::support::REDIRECT_URI),
        ],
    );
    let started = gateway.get(&url).await;
    let callback = gateway
        .lab
        .approve(started.location().as_str())
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &started.cookie()).await;
    assert!(
        answer
            .location()
            .as_str()
            .starts_with("https://client.example/oauth2/callback/linear?code=")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_come_from_the_request_else_the_app_else_the_catalogue() {
    let gateway = Gateway::start().await;
    let plain = gateway.register("linear").await;
    let own = gateway
        .register_for(gateway.account, "linear", Some("read write"))
        .await;
    let scope = async |app, parameters: &[(&str, &str)]| {
        let begun = gateway.begin(app, parameters).await;
        query(&begun.authorize_url.parse().expect("a URL"))["scope"].clone()
    };
    assert_eq!(scope(&plain, &[]).await, "read");
    assert_eq!(scope(&own, &[]).await, "read,write");
    assert_eq!(
        scope(&own, &[("scope", "read issues:create")]).await,
        "read,issues:create"
    );
    // Without `read` Keyway could not name the workspace: it is asked for in any case.
    assert_eq!(
        scope(&own, &[("scope", "issues:create")]).await,
        "issues:create,read"
    );
}
