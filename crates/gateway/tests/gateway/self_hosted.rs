//! Products that somebody hosts themselves: the admin says where, and nobody else does.

use serde_json::json;

use crate::{
    client::Client,
    support::{Answer, Gateway, TestApp},
};

const PATH: &str = "/v1/oauth-apps";

fn body(variables: &serde_json::Value) -> serde_json::Value {
    json!({
        "provider": "gitlab", "name": "GitLab", "client_id": "client",
        "client_secret": "client-secret", "variables": variables,
    })
}

fn credential(made: &serde_json::Value) -> serde_json::Value {
    json!({
        "oauth_app_id": made["id"],
        "properties": {
            "kind": "gitlab_oauth2", "access_token": "at-secret", "refresh_token": "rt-secret",
            "expires_at": "2030-01-01T00:00:00Z", "account_id": "7",
        },
    })
}

fn app(made: &serde_json::Value) -> TestApp {
    TestApp {
        id: made["id"].as_str().expect("an id").parse().expect("a UUID"),
        provider: "gitlab".into(),
        client_id: "client".into(),
        client_secret: "client-secret".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_lead_to_the_host_that_the_admin_set() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client
        .post(PATH, &body(&json!({"host": "Git.Example.com"})))
        .await
        .ok(201);
    assert_eq!(made["variables"], json!({"host": "git.example.com"}));
    let answer = gateway.get(&gateway.start_url(&app(&made), &[])).await;
    let location = answer.location();
    assert_eq!(location.host_str(), Some("git.example.com"), "{location}");
    assert_eq!(location.path(), "/oauth/authorize");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_default_need_not_be_set() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client.post(PATH, &body(&json!({}))).await.ok(201);
    assert_eq!(made["variables"], json!({"host": "gitlab.com"}));
}

/// The client secret goes to that host.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_user_cannot_name_another_host() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client
        .post(PATH, &body(&json!({"host": "git.example.com"})))
        .await
        .ok(201);
    let start = gateway.start_url(&app(&made), &[("param.host", "evil.example")]);
    let answer = gateway.get(&start).await;
    answer.assert_error_redirect("invalid_request", None, "there is no variable host");
}

/// Nor can who imports a credential: a refresh would send the secret there.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_cannot_name_another_host() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client
        .post(PATH, &body(&json!({"host": "git.example.com"})))
        .await
        .ok(201);
    let mut import = credential(&made);
    import["properties"]["host"] = json!("evil.example");
    let answer = client.post("/v1/credentials", &import).await;
    answer.assert_invalid(&["properties.host"]);
    assert_eq!(gateway.sql("SELECT id FROM credentials").await.len(), 0);
    import["properties"]["host"] = json!("git.example.com");
    client.post("/v1/credentials", &import).await.ok(201);
    let kept = "SELECT variables->>'host' FROM grants";
    assert_eq!(gateway.sql(kept).await, ["git.example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_reconnected_at_the_host_that_the_admin_set() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client
        .post(PATH, &body(&json!({"host": "git.example.com"})))
        .await
        .ok(201);
    let import = credential(&made);
    let imported = client.post("/v1/credentials", &import).await.ok(201);
    let wanted = json!({"credential_id": imported["id"], "end_user": {"id": "user-7"}});
    let session = client.post("/v1/link-sessions", &wanted).await.ok(201);
    let page = session["url"].as_str().expect("a URL");
    let form = [("app", made["id"].as_str().expect("an id"))];
    let answer = gateway.request("POST", page).form(&form);
    let answer = answer.header("origin", &gateway.base);
    let answer = Answer::of(answer.send().await.expect("an answer")).await;
    let location = answer.location();
    assert_eq!(location.host_str(), Some("git.example.com"), "{location}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_debug_shows_has_the_host_that_the_admin_set() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let made = client
        .post(PATH, &body(&json!({"host": "git.example.com"})))
        .await
        .ok(201);
    let wrong = [("code_challenge_method", "plain"), ("debug", "1")];
    let page = gateway.get(&gateway.start_url(&app(&made), &wrong)).await;
    assert!(
        page.body
            .contains("https://git.example.com/oauth/authorize"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("param.host"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_must_look_like_one() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    for host in [
        "127.0.0.1",
        "[::1]",
        "localhost",
        "git.example.com/x",
        "a@git.example.com",
        "git.example.com:8443",
        "",
    ] {
        let answer = client.post(PATH, &body(&json!({"host": host}))).await;
        assert_eq!(answer.status, 422, "{host}: {answer:?}");
        let problems = &answer.json()["validation_errors"]["variables"];
        assert!(problems.is_array(), "{host}: {answer:?}");
    }
}

/// There is no client at the provider, so Keyway makes one, and shows its secret once.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_for_keys_gets_a_client_of_its_own() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    let body = json!({"provider": "sendgrid", "name": "SendGrid"});
    let made = client.post(PATH, &body).await.ok(201);
    let secret = made["client_secret"].as_str().expect("a secret");
    assert!(secret.len() >= 43, "{made}");
    assert!(
        made["client_id"]
            .as_str()
            .expect("an id")
            .starts_with("sendgrid-"),
        "{made}"
    );
    let path = format!("{PATH}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(
        client.get(&path).await.ok(200)["client_secret"],
        "***********"
    );
}
