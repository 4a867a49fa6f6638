//! `keyway oauth-apps`.

use keyway_domain::{
    ids::{AccountId, OauthAppId},
    random::OsRandom,
    sealed::{Place, Sealed},
};
use keyway_vault::KeyRing;
use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, Installation, create_app, fields, rows};

const FIELDS: [&str; 9] = [
    "callback_url",
    "client_id",
    "client_secret",
    "created_at",
    "id",
    "name",
    "provider",
    "scopes",
    "updated_at",
];

/// With one of its words replaced.
fn replaced<'a>(words: &[&'a str], flag: &str, value: &'a str) -> Vec<&'a str> {
    let mut words = words.to_vec();
    let at = words
        .iter()
        .position(|word| *word == flag)
        .expect("the flag");
    words[at + 1] = value;
    words
}

async fn list(installation: &Installation) -> Value {
    let words = ["oauth-apps", "list", "--account", "acme", "--json"];
    installation.keyway(&words).await.json()
}

#[tokio::test]
async fn an_app_is_registered_and_shown_with_a_masked_secret() {
    let mut installation = Installation::new().await;
    installation
        .shell
        .set("KEYWAY_PUBLIC_URL", "https://keyway.example");
    let words = create_app("linear", "client");
    let app = installation
        .keyway_reads(CLIENT_SECRET, &words)
        .await
        .json();
    assert_eq!(fields(&app), FIELDS);
    assert_eq!(app["provider"], "linear");
    assert_eq!(app["name"], "Acme App");
    assert_eq!(app["client_id"], "client");
    assert_eq!(app["client_secret"], "***********");
    assert_eq!(app["scopes"], Value::Null);
    assert_eq!(
        app["callback_url"],
        "https://keyway.example/link/oauth2/callback/linear"
    );
    assert_eq!(list(&installation).await, json!([app]));
}

#[tokio::test]
async fn the_secret_is_sealed_at_its_place_without_what_came_along_with_a_copy() {
    let installation = Installation::new().await;
    let typed = format!(" {CLIENT_SECRET}\r\n");
    let words = create_app("linear", "client");
    installation.keyway_reads(&typed, &words).await.json();
    let app: OauthAppId = id_of(&installation, "oauth_apps").await;
    let account: AccountId = id_of(&installation, "accounts").await;
    let client = installation.database.client().await;
    let sealed = "SELECT sealed_client_secret FROM oauth_apps";
    let row = client.query_one(sealed, &[]).await.expect("a row");
    let sealed = Sealed::from_bytes(row.get(0));
    let place = Place::oauth_app_client_secret(app, account);
    let opened = installation.ring().open(&place, &sealed).expect("opens");
    assert_eq!(opened.expose(), CLIENT_SECRET);
}

#[tokio::test]
async fn scopes_are_kept_in_their_order() {
    let installation = Installation::new().await;
    let words = [
        &create_app("linear", "client")[..],
        &["--scopes", "write read"],
    ]
    .concat();
    let app = installation
        .keyway_reads(CLIENT_SECRET, &words)
        .await
        .json();
    assert_eq!(app["scopes"], json!(["write", "read"]));
}

#[tokio::test]
async fn people_are_told_what_to_enter_at_the_provider() {
    let installation = Installation::new().await;
    let words = create_app("linear", "client");
    let ran = installation
        .keyway_reads(CLIENT_SECRET, &words[..words.len() - 1])
        .await;
    let told = ran.succeeded().stdout;
    assert!(
        told.starts_with("Acme App is registered.\nKeyway ID: "),
        "{told}"
    );
    assert!(
        told.ends_with("http://127.0.0.1:8080/link/oauth2/callback/linear\n"),
        "{told}"
    );
}

#[tokio::test]
async fn apps_are_listed_in_a_table() {
    let installation = Installation::new().await;
    let id = installation.register("linear", "client").await;
    let ran = installation
        .keyway(&["oauth-apps", "list", "--account", "acme"])
        .await;
    let table = ran.succeeded().stdout;
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .filter(|cell| !cell.is_empty())
                .map(str::trim)
                .collect()
        })
        .collect();
    assert_eq!(lines[0], ["id", "provider", "name", "client_id"]);
    assert_eq!(lines[1], [id.as_str(), "linear", "Acme App", "client"]);
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let installation = Installation::new().await;
    assert!(rows(&list(&installation).await).is_empty());
}

#[tokio::test]
async fn a_client_is_registered_once() {
    let installation = Installation::new().await;
    installation.register("linear", "client").await;
    let words = create_app("linear", " client ");
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.refused("the account has registered this client id of linear already");
}

#[tokio::test]
async fn a_provider_that_is_not_known_is_named() {
    let installation = Installation::new().await;
    let words = create_app("unheard-of", "client");
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.refused("there is no provider unheard-of; `keyway providers list` shows all");
    let words = create_app("Not A Slug", "client");
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.misused("a provider slug is 1 to 64 lower-case letters");
}

#[tokio::test]
async fn an_account_that_is_not_known_is_named() {
    let installation = Installation::new().await;
    let words = create_app("linear", "client");
    let words = replaced(&words, "--account", "nobody");
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.refused("there is no account \"nobody\"; `keyway admins create` makes one");
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused() {
    let installation = Installation::new().await;
    let words = create_app("linear", "client");
    for (typed, why) in [
        ("****", "this is the mask and not the secret"),
        (" *********** \n", "this is the mask and not the secret"),
        (
            "\u{2022}\u{2022}\u{2022}",
            "this is the mask and not the secret",
        ),
        ("", "the client secret is empty"),
        (" \n", "the client secret is empty"),
    ] {
        installation.keyway_reads(typed, &words).await.refused(why);
    }
    let bare: Vec<&str> = words
        .into_iter()
        .filter(|word| *word != "--client-secret-stdin")
        .collect();
    let ran = installation.keyway(&bare).await;
    ran.refused("give the client secret on standard input with --client-secret-stdin");
}

#[tokio::test]
async fn what_cannot_be_a_name_or_client_id_is_refused() {
    let installation = Installation::new().await;
    let words = create_app("linear", "client");
    let long = "x".repeat(501);
    for (flag, value, why) in [
        ("--name", " ", "enter a name"),
        ("--name", &long[..101], "at most 100 characters"),
        ("--name", "a\tb", "no control characters"),
        (
            "--client-id",
            " ",
            "enter the client ID that the provider shows",
        ),
        ("--client-id", "a b", "a client ID has no spaces"),
        ("--client-id", &long, "at most 500 characters"),
    ] {
        let words = replaced(&words, flag, value);
        installation
            .keyway_reads(CLIENT_SECRET, &words)
            .await
            .misused(why);
    }
}

#[tokio::test]
async fn what_cannot_be_a_scope_is_refused() {
    let installation = Installation::new().await;
    let words = [&create_app("linear", "client")[..], &["--scopes", "a\"b"]].concat();
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.refused("a scope may hold only visible ASCII characters");
}

#[tokio::test]
async fn another_installations_key_ring_seals_nothing_here() {
    let mut installation = Installation::new().await;
    installation.register("linear", "client").await;
    let other = KeyRing::generate(&OsRandom).to_toml().expect("a key ring");
    let other = installation
        .shell
        .directory
        .write("other.toml", 0o600, other.expose());
    installation.shell.set("KEYWAY_KEYRING_FILE", &other);
    let words = create_app("linear", "second");
    let ran = installation.keyway_reads(CLIENT_SECRET, &words).await;
    ran.refused("the key ring is not the one that this database was sealed with");
    assert_eq!(
        installation.sql("SELECT count(*) FROM oauth_apps").await,
        ["1"]
    );
}

/// The id of the only row.
async fn id_of<T: std::str::FromStr<Err: std::fmt::Debug>>(
    installation: &Installation,
    table: &str,
) -> T {
    let ids = installation.sql(&format!("SELECT id FROM {table}")).await;
    ids[0].parse().expect("an id")
}
