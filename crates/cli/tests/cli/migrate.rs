//! `keyway migrate`.

use keyway_testkit::database::TestDatabase;

use crate::support::{Shell, fields};

#[tokio::test]
async fn an_empty_database_is_migrated_once() {
    let database = TestDatabase::empty().await;
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", database.url());
    let first = shell.keyway(&["migrate", "--json"]).await.json();
    assert_eq!(fields(&first), ["applied"]);
    assert!(
        first["applied"]
            .as_array()
            .is_some_and(|applied| applied.len() >= 4)
    );
    let second = shell.keyway(&["migrate", "--json"]).await.json();
    assert_eq!(second, serde_json::json!({"applied": []}));
}

#[tokio::test]
async fn people_are_told_in_a_sentence() {
    let database = TestDatabase::empty().await;
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", database.url());
    let first = shell.keyway(&["migrate"]).await.succeeded();
    assert!(first.stdout.ends_with("migrations applied.\n"), "{first:?}");
    let second = shell.keyway(&["migrate"]).await.succeeded();
    assert_eq!(second.stdout, "The database is at this version already.\n");
}

#[tokio::test]
async fn the_url_may_come_from_a_file() {
    let database = TestDatabase::empty().await;
    let mut shell = Shell::new();
    let line = format!("{}\n", database.url());
    let file = shell.directory.write("url", 0o600, &line);
    shell.set("KEYWAY_DATABASE_URL_FILE", &file);
    shell.keyway(&["migrate"]).await.succeeded();
}

#[tokio::test]
async fn without_a_database_the_setting_is_named() {
    let ran = Shell::new().keyway(&["migrate"]).await;
    ran.refused("KEYWAY_DATABASE_URL is not set: name the Postgres to use");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable_for_a_reason() {
    let nowhere = "postgres://keyway:canary@%2Fnowhere/keyway";
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", nowhere);
    for words in [
        &["migrate"][..],
        &["oauth-apps", "list", "--account", "acme"],
    ] {
        let ran = shell.keyway(words).await;
        ran.refused(
            "the database is unavailable: error connecting to server: No such file or directory",
        );
    }
}

#[tokio::test]
async fn a_url_that_does_not_read_is_refused_without_a_quote() {
    for url in [
        "canary",
        "postgres://u:canary@[/k",
        "postgres://u:canary@h/k?sslmode=some",
    ] {
        let shell = Shell::new().with("KEYWAY_DATABASE_URL", url);
        shell
            .keyway(&["migrate"])
            .await
            .refused("the database URL cannot be used");
    }
}

#[tokio::test]
async fn a_database_of_another_version_is_refused_with_the_way_out() {
    let database = TestDatabase::empty().await;
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", database.url());
    let ran = shell
        .keyway(&["oauth-apps", "list", "--account", "acme"])
        .await;
    ran.refused("the database is not at this version: run `keyway migrate`");
}
