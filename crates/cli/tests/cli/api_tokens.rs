//! `keyway api-tokens`.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{Clock as _, api_token::ApiToken, clock::SystemClock};
use serde_json::{Value, json};

use crate::support::{Installation, PASSWORD, Ran, fields, rows};

async fn create(installation: &Installation, more: &[&str]) -> Ran {
    let words = [
        "api-tokens",
        "create",
        "--account",
        "acme",
        "--name",
        "ci",
        "--json",
    ];
    installation.keyway(&[&words[..], more].concat()).await
}

#[tokio::test]
async fn a_token_is_shown_once_and_stored_as_a_digest() {
    let installation = Installation::new().await;
    let scopes = ["--scopes", "credentials:read,credentials:token"];
    let made = create(&installation, &scopes).await.json();
    assert_eq!(
        fields(&made),
        ["expires_at", "id", "name", "scopes", "token"]
    );
    assert_eq!(made["name"], "ci");
    assert_eq!(
        made["scopes"],
        json!(["credentials:read", "credentials:token"])
    );
    assert_eq!(made["expires_at"], Value::Null);
    let token = made["token"].as_str().expect("a token");
    let parsed = ApiToken::parse(token).expect("of the right form");
    let digest = keyway_vault::digest::unkeyed(&parsed);
    let client = installation.database.client().await;
    let row = client
        .query_one("SELECT token_digest FROM api_tokens", &[])
        .await;
    assert_eq!(row.expect("a row").get::<_, Vec<u8>>(0), digest.as_bytes());
    let everywhere = installation
        .sql("SELECT t::text FROM api_tokens t UNION ALL SELECT e::text FROM audit_events e");
    assert!(!everywhere.await.concat().contains(token));
}

#[tokio::test]
async fn people_are_told_that_they_see_it_once() {
    let installation = Installation::new().await;
    let words = [
        "api-tokens",
        "create",
        "--account",
        "acme",
        "--name",
        "ci",
        "--scopes",
        "proxy",
    ];
    let told = installation.keyway(&words).await.succeeded().stdout;
    let (token, rest) = told.split_once('\n').expect("a line");
    assert!(ApiToken::parse(token).is_some(), "{told}");
    assert_eq!(rest, "\nThis is the only time that you see it.\n");
}

#[tokio::test]
async fn a_token_ends_after_so_many_days() {
    let installation = Installation::new().await;
    let made = create(&installation, &["--scopes", "proxy", "--expires-in", "30"])
        .await
        .json();
    let end: DateTime<Utc> = made["expires_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let life = end - SystemClock.now();
    assert!(
        (TimeDelta::days(30) - life).abs() < TimeDelta::minutes(2),
        "{life}"
    );
}

#[tokio::test]
async fn a_token_that_ends_at_once_is_not_meant() {
    let installation = Installation::new().await;
    let ran = create(&installation, &["--scopes", "proxy", "--expires-in", "0"]).await;
    ran.misused("0 is not in 1..");
}

#[tokio::test]
async fn a_scope_that_is_not_known_is_named() {
    let installation = Installation::new().await;
    let ran = create(
        &installation,
        &["--scopes", "credentials:read,credentials:all"],
    )
    .await;
    ran.refused("unknown scope \"credentials:all\"; known: oauth_apps:read, ");
}

#[tokio::test]
async fn a_token_needs_a_scope_and_a_name() {
    let installation = Installation::new().await;
    for scopes in ["", " , "] {
        let ran = create(&installation, &["--scopes", scopes]).await;
        ran.refused("give the token at least one scope; known: oauth_apps:read, ");
    }
    let words = [
        "api-tokens",
        "create",
        "--account",
        "acme",
        "--name",
        " ",
        "--scopes",
        "proxy",
    ];
    let ran = installation.keyway(&words).await;
    ran.misused("enter a name");
    assert_eq!(
        installation.sql("SELECT count(*) FROM api_tokens").await,
        ["0"]
    );
}

#[tokio::test]
async fn tokens_are_listed_without_what_opens_doors() {
    let installation = Installation::new().await;
    let made = create(&installation, &["--scopes", "proxy,events:read"])
        .await
        .json();
    let words = ["api-tokens", "list", "--account", "acme"];
    let as_json = [&words[..], &["--json"]].concat();
    let listed = installation.keyway(&as_json).await.json();
    let [token] = rows(&listed) else {
        panic!("{listed}")
    };
    assert_eq!(
        fields(token),
        [
            "created_at",
            "expires_at",
            "id",
            "last_used_at",
            "name",
            "scopes"
        ]
    );
    assert_eq!(
        (&token["id"], &token["name"], &token["last_used_at"]),
        (&made["id"], &json!("ci"), &Value::Null)
    );
    assert_eq!(token["scopes"], json!(["proxy", "events:read"]));
    let table = installation.keyway(&words).await.succeeded().stdout;
    assert_eq!(table.lines().count(), 2, "{table}");
    for shown in [listed.to_string(), table] {
        assert!(!shown.contains(made["token"].as_str().expect("a token")));
    }
}

#[tokio::test]
async fn a_token_is_revoked_once_and_by_its_own_account() {
    let installation = Installation::new().await;
    let made = create(&installation, &["--scopes", "proxy"]).await.json();
    let id = made["id"].as_str().expect("an id");
    let other = [
        "admins",
        "create",
        "--account",
        "Other",
        "--email",
        "o@other.test",
        "--password-stdin",
    ];
    let created = installation.keyway_reads(PASSWORD, &other).await;
    created.succeeded();
    let revoke = async |account| {
        let words = ["api-tokens", "revoke", "--account", account, id, "--json"];
        installation.keyway(&words).await
    };
    let none = format!("the account has no API token {id}");
    revoke("other").await.refused(&none);
    assert_eq!(
        revoke("acme").await.json(),
        json!({"id": id, "revoked": true})
    );
    revoke("acme").await.refused(&none);
    assert_eq!(
        installation.sql("SELECT count(*) FROM api_tokens").await,
        ["0"]
    );
}
