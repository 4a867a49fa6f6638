//! `keyway config`, and where settings come from.

use keyway_web::config::{KEYS, environment_name};
use serde_json::Value;

use crate::support::{Shell, fields, rows};

async fn shown(shell: &Shell, words: &[&str]) -> Value {
    let show = [words, &["config", "show", "--json"]].concat();
    shell.keyway(&show).await.json()
}

#[tokio::test]
async fn every_setting_is_shown_and_no_secret() {
    let shell = Shell::new()
        .with("KEYWAY_DATABASE_URL", "postgres://keyway:canary@db/keyway")
        .with("KEYWAY_EDGE_KEY", "canary edge key");
    let settings = shown(&shell, &[]).await;
    let mut names: Vec<String> = KEYS.iter().map(|key| environment_name(key.name)).collect();
    names.sort();
    assert_eq!(fields(&settings), names);
    assert_eq!(settings["KEYWAY_DATABASE_URL"], "[redacted]");
    assert_eq!(settings["KEYWAY_EDGE_KEY"], "[redacted]");
    assert_eq!(settings["KEYWAY_LISTEN"], "127.0.0.1:8080", "its default");
}

#[tokio::test]
async fn people_get_lines_that_an_environment_file_takes() {
    let shell = Shell::new().with("KEYWAY_LISTEN", "127.0.0.1:9");
    let lines = shell.keyway(&["config", "show"]).await.succeeded().stdout;
    assert_eq!(lines.lines().count(), KEYS.len());
    assert!(lines.contains("KEYWAY_LISTEN=127.0.0.1:9\n"), "{lines}");
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let shell = Shell::new().with("KEYWAY_LISTEN", "127.0.0.1:2");
    let text = "listen = \"127.0.0.1:1\"\nKEYWAY_CONSOLE_LISTEN = \"127.0.0.1:3\"\noutbound_allow = [\"10.0.0.1\", \"10.0.0.2\"]";
    shell.directory.write("keyway.toml", 0o600, text);
    let settings = shown(&shell, &["--config", "keyway.toml"]).await;
    assert_eq!(settings["KEYWAY_LISTEN"], "127.0.0.1:2");
    assert_eq!(settings["KEYWAY_CONSOLE_LISTEN"], "127.0.0.1:3");
    assert_eq!(settings["KEYWAY_OUTBOUND_ALLOW"], "10.0.0.1,10.0.0.2");
}

#[tokio::test]
async fn the_file_may_be_named_after_the_command() {
    let shell = Shell::new();
    shell
        .directory
        .write("keyway.toml", 0o600, "listen = \"127.0.0.1:1\"");
    let words = ["config", "show", "--json", "--config", "keyway.toml"];
    let settings = shell.keyway(&words).await.json();
    assert_eq!(settings["KEYWAY_LISTEN"], "127.0.0.1:1");
}

#[tokio::test]
async fn a_setting_that_is_not_known_is_named() {
    let shell = Shell::new().with("KEYWAY_LISTN", "canary");
    let ran = shell.keyway(&["config", "show"]).await;
    ran.refused("KEYWAY_LISTN is no setting of Keyway; see `keyway config reference`");
    let shell = Shell::new();
    shell
        .directory
        .write("keyway.toml", 0o600, "listn = \"canary\"");
    let ran = shell
        .keyway(&["--config", "keyway.toml", "config", "show"])
        .await;
    ran.refused("listn is no setting of Keyway; see `keyway config reference`");
}

#[tokio::test]
async fn a_file_that_does_not_read_is_refused_without_a_quote() {
    let shell = Shell::new();
    shell
        .directory
        .write("keyway.toml", 0o600, "database_url = canary");
    let show = ["--config", "keyway.toml", "config", "show"];
    shell.keyway(&show).await.refused("configuration file");
    let missing = ["--config", "missing.toml", "config", "show"];
    let ran = shell.keyway(&missing).await;
    ran.refused("missing.toml: No such file or directory");
}

#[tokio::test]
async fn a_value_of_another_form_is_refused_with_the_form() {
    for (name, value, why) in [
        (
            "KEYWAY_LOG_FORMAT",
            "xml",
            "KEYWAY_LOG_FORMAT: text or json",
        ),
        ("KEYWAY_LOG", "[[", "KEYWAY_LOG: invalid filter directive"),
    ] {
        let shell = Shell::new().with(name, value);
        shell.keyway(&["config", "show"]).await.refused(why);
    }
}

#[tokio::test]
async fn the_reference_names_every_setting() {
    let shell = Shell::new();
    let reference = shell
        .keyway(&["config", "reference", "--json"])
        .await
        .json();
    let names: Vec<&str> = rows(&reference)
        .iter()
        .map(|row| {
            assert_eq!(fields(row), ["default", "key", "programs", "purpose"]);
            row["key"].as_str().expect("a key")
        })
        .collect();
    let known: Vec<String> = KEYS.iter().map(|key| environment_name(key.name)).collect();
    assert_eq!(names, known);
}

#[tokio::test]
async fn the_reference_is_printed_where_settings_are_wrong() {
    let shell = Shell::new().with("KEYWAY_NONSENSE", "1");
    let table = shell
        .keyway(&["config", "reference"])
        .await
        .succeeded()
        .stdout;
    assert!(table.starts_with("| key | default | read by | what it does |\n|---|---|---|---|\n"));
    assert_eq!(table.lines().count(), KEYS.len() + 2);
}
