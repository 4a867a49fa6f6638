//! Slack.

use keyway_providers::completion::Stage;
use keyway_testkit::lab::Endpoint;
use serde_json::json;

use crate::{
    faults::{self, refused, token_faults},
    support::Client,
};

async fn client() -> Client {
    Client::of("slack").await
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await.scopes("commands incoming-webhook");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "slack_oauth2",
            "access_token": client.access_token(),
            "scope": "commands incoming-webhook",
            "slack_team_id": "T9TK3CUKW",
            "slack_team_name": "Slack Softball Team",
            "is_enterprise_install": false,
            "slack_app_id": "A0KRD7HC3",
            "slack_user_id": "U1234",
            "bot_user_id": "U0KRQLJ9H",
        })
    );
}

#[tokio::test]
async fn an_app_with_rotation_yields_a_refresh_token() {
    let client = client().await;
    client.lab.turn_on("slack", "token_rotation");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "slack_oauth2",
            "access_token": client.access_token(),
            "refresh_token": client.refresh_token(),
            "expires_at": "2026-11-22T00:00:00Z",
            "scope": "users:read",
            "slack_team_id": "T9TK3CUKW",
            "slack_team_name": "Slack Softball Team",
            "is_enterprise_install": false,
            "slack_app_id": "A0KRD7HC3",
            "slack_user_id": "U1234",
            "bot_user_id": "U0KRQLJ9H",
        })
    );
}

#[tokio::test]
async fn user_scopes_yield_the_users_token_too() {
    let client = client().await.variable("user_scope", "chat:write");
    let properties = client.connected().await;
    assert_eq!(
        (&properties["user_access_token"], &properties["user_scope"]),
        (&json!("xoxp-1234"), &json!("chat:write"))
    );
}

#[tokio::test]
async fn user_scopes_alone_yield_the_users_token_alone() {
    let client = client()
        .await
        .scopes("")
        .variable("user_scope", "chat:write");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "slack_oauth2",
            "access_token": client.access_token(),
            "scope": "chat:write",
            "slack_team_id": "T9TK3CUKW",
            "slack_team_name": "Slack Softball Team",
            "is_enterprise_install": false,
            "slack_app_id": "A0KRD7HC3",
            "slack_user_id": "U1234",
            "user_access_token": client.access_token(),
            "user_scope": "chat:write",
        })
    );
}

#[tokio::test]
async fn names_the_team() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("T9TK3CUKW", Some("Slack Softball Team"))
    );
}

#[tokio::test]
async fn names_the_enterprise_that_an_app_was_installed_for() {
    let client = client().await;
    client.lab.turn_on("slack", "enterprise_install");
    let external = client.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("E12345678", Some("slack-sports"))
    );
}

#[tokio::test]
async fn revokes() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.access_token()));
}

#[tokio::test]
async fn a_second_revocation_fails_though_its_status_is_200() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    client.revoke(&granted).await.expect("revoked");
    assert_eq!(
        client.revoke(&granted).await,
        Err(refused(200, "invalid_auth", None))
    );
}

#[tokio::test]
async fn a_refused_consent_comes_back() {
    faults::refused_consent(client().await).await;
}

token_faults! {
    client(),
    token_down: refused(500, "internal_error", None),
    token_refusal: refused(200, "code_already_used", None),
}
