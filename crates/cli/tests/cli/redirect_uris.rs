//! `keyway redirect-uris`.

use serde_json::{Value, json};

use crate::support::{Installation, Ran, fields, rows};

const URI: &str = "https://example.com/oauth2/callback/:provider";

async fn add(installation: &Installation, uri: &str) -> Ran {
    let words = ["redirect-uris", "add", "--account", "acme", uri, "--json"];
    installation.keyway(&words).await
}

async fn list(installation: &Installation) -> Value {
    let words = ["redirect-uris", "list", "--account", "acme", "--json"];
    installation.keyway(&words).await.json()
}

async fn remove(installation: &Installation, account: &str, id: &str) -> Ran {
    let words = [
        "redirect-uris",
        "remove",
        "--account",
        account,
        id,
        "--json",
    ];
    installation.keyway(&words).await
}

#[tokio::test]
async fn a_uri_is_registered_and_listed_alike() {
    let installation = Installation::new().await;
    let added = add(&installation, URI).await.json();
    assert_eq!(fields(&added), ["created_at", "id", "uri"]);
    assert_eq!(added["uri"], URI);
    assert_eq!(list(&installation).await, json!([added]));
}

#[tokio::test]
async fn people_are_told_in_a_sentence() {
    let installation = Installation::new().await;
    let words = ["redirect-uris", "add", "--account", "Acme", URI];
    let added = installation.keyway(&words).await.succeeded();
    assert_eq!(added.stdout, format!("{URI} is registered.\n"));
}

#[tokio::test]
async fn a_uri_is_registered_once() {
    let installation = Installation::new().await;
    add(&installation, URI).await.json();
    let ran = add(&installation, URI).await;
    ran.refused(&format!("{URI} is registered already"));
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_with_its_reason() {
    let installation = Installation::new().await;
    let long = format!("https://example.com/{}", "a".repeat(2000));
    for (uri, why) in [
        (
            "example.com/cb",
            "enter a complete URL, such as https://example.com/",
        ),
        (
            "http://example.com/cb",
            "use https (http only for 127.0.0.1, [::1] and localhost)",
        ),
        (
            "https://u:p@example.com/cb",
            "no user name or password in the URL",
        ),
        ("https://example.com/cb#x", "no fragment (the part after #)"),
        (
            "https://*.example.com/cb",
            "no wildcard: register each address",
        ),
        (
            "https://:provider.example.com/",
            ":provider may stand in the path or the query only",
        ),
        (
            "https://example.com/cb?code=1",
            "the query must not hold code, state, error",
        ),
        (
            "https://EXAMPLE.com/cb",
            "write it as https://example.com/cb",
        ),
        ("https://example.com/a b", "only plain URL characters"),
        (long.as_str(), "at most 2,000 characters"),
    ] {
        add(&installation, uri).await.refused(why);
    }
    assert!(rows(&list(&installation).await).is_empty());
}

#[tokio::test]
async fn a_uri_is_removed_once() {
    let installation = Installation::new().await;
    let added = add(&installation, URI).await.json();
    let id = added["id"].as_str().expect("an id");
    let removed = remove(&installation, "acme", id).await.json();
    assert_eq!(removed, json!({"id": id, "deleted": true}));
    assert!(rows(&list(&installation).await).is_empty());
    let again = remove(&installation, "acme", id).await;
    again.refused(&format!("the account has no redirect URI {id}"));
}

#[tokio::test]
async fn a_uri_is_not_removed_for_another_account() {
    let installation = Installation::new().await;
    let words = [
        "admins",
        "create",
        "--account",
        "Other",
        "--email",
        "o@other.test",
        "--password-stdin",
    ];
    let password = crate::support::PASSWORD;
    installation
        .keyway_reads(password, &words)
        .await
        .succeeded();
    let added = add(&installation, URI).await.json();
    let id = added["id"].as_str().expect("an id");
    let ran = remove(&installation, "other", id).await;
    ran.refused(&format!("the account has no redirect URI {id}"));
    assert_eq!(rows(&list(&installation).await).len(), 1);
}

#[tokio::test]
async fn what_is_no_id_is_not_understood() {
    let installation = Installation::new().await;
    let ran = remove(&installation, "acme", "first").await;
    ran.misused("invalid value 'first' for '<ID>'");
}
