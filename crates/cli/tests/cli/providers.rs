//! `keyway providers`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ran, Shell, fields, rows};

/// A definition that is good, under any name.
const GOOD: &str = include_str!("../../../providers/catalogue/linear.toml");

async fn lint(shell: &Shell) -> Ran {
    shell
        .keyway(&["providers", "lint", "definitions", "--json"])
        .await
}

/// A directory of definitions with this one in it.
fn with_definition(name: &str, text: &str) -> Shell {
    let shell = Shell::new();
    fs::create_dir(shell.directory.path("definitions")).expect("a directory");
    shell
        .directory
        .write(&format!("definitions/{name}"), 0o644, text);
    shell
}

#[tokio::test]
async fn the_catalogue_is_listed() {
    let shell = Shell::new();
    let listed = shell.keyway(&["providers", "list", "--json"]).await.json();
    assert!(rows(&listed).len() >= 650, "{}", rows(&listed).len());
    for provider in rows(&listed) {
        assert_eq!(
            fields(provider),
            [
                "auth",
                "auth_mode",
                "authorize_url",
                "category",
                "certainty",
                "checked",
                "default_scopes",
                "documentation",
                "family",
                "kind",
                "name",
                "slug",
                "token_url",
                "variables",
                "variant_of"
            ]
        );
    }
    let slug = |provider: &Value| provider["slug"] == "shopify";
    let shopify = rows(&listed).iter().find(|provider| slug(provider));
    assert_eq!(shopify.expect("Shopify")["variables"], json!(["shop"]));
}

#[tokio::test]
async fn people_get_a_table() {
    let shell = Shell::new();
    let table = shell
        .keyway(&["providers", "list"])
        .await
        .succeeded()
        .stdout;
    let head: Vec<&str> = table
        .lines()
        .next()
        .expect("a line")
        .split_whitespace()
        .collect();
    assert_eq!(head, ["slug", "name", "kind", "certainty", "category"]);
}

#[tokio::test]
async fn definitions_of_ones_own_are_listed_too() {
    let mut shell = with_definition("own.toml", &GOOD.replace("\"Linear\"", "\"Our own\""));
    shell.set("KEYWAY_PROVIDERS_DIR", "definitions");
    let listed = shell.keyway(&["providers", "list", "--json"]).await.json();
    let own = rows(&listed)
        .iter()
        .find(|provider| provider["slug"] == "own");
    assert_eq!(own.expect("our own")["name"], "Our own");
}

#[tokio::test]
async fn a_bad_definition_of_ones_own_is_named() {
    let mut shell = with_definition("own.toml", "name = 1");
    shell.set("KEYWAY_PROVIDERS_DIR", "definitions");
    let ran = shell.keyway(&["providers", "list"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.starts_with("keyway: own.toml: "), "{ran:?}");
}

#[tokio::test]
async fn shipped_definitions_have_nothing_to_mend() {
    let linted = Shell::new()
        .keyway(&["providers", "lint", "--json"])
        .await
        .json();
    assert_eq!(fields(&linted), ["definitions", "findings"]);
    assert!(
        linted["definitions"]
            .as_u64()
            .is_some_and(|count| count >= 11)
    );
    assert_eq!(linted["findings"], json!([]));
}

#[tokio::test]
async fn a_good_directory_is_counted() {
    let shell = with_definition("own.toml", GOOD);
    shell
        .directory
        .write("definitions/README.md", 0o644, "not a definition");
    assert_eq!(
        lint(&shell).await.json(),
        json!({"definitions": 1, "findings": []})
    );
}

#[tokio::test]
async fn a_definition_that_is_no_toml_names_file_and_place() {
    let ran = lint(&with_definition("own.toml", "name = \n")).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.starts_with("keyway: own.toml: "), "{ran:?}");
    assert!(ran.stderr.contains("line 1"), "{ran:?}");
}

#[tokio::test]
async fn a_definition_with_a_finding_names_file_and_problem() {
    let plain = GOOD.replace(
        "https://api.linear.app/oauth/token",
        "http://api.linear.app/oauth/token",
    );
    assert_ne!(plain, GOOD);
    let ran = lint(&with_definition("own.toml", &plain)).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.starts_with("keyway: own.toml: "), "{ran:?}");
    assert!(ran.stderr.contains("https"), "{ran:?}");
}

#[tokio::test]
async fn all_wrong_files_are_named_at_once() {
    let shell = with_definition("b.toml", "name = 1");
    let write = |name: &str, text| shell.directory.write(name, 0o644, text);
    write("definitions/a.toml", "name = 2");
    write("definitions/c.toml", GOOD);
    let ran = lint(&shell).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let named = ["a.toml: ", "b.toml: ", "c.toml: "].map(|name| ran.stderr.find(name));
    assert!(
        matches!(named, [Some(a), Some(b), None] if a < b),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_file_name_that_is_no_slug_is_named() {
    let ran = lint(&with_definition("Our Own.toml", GOOD)).await;
    ran.refused("Our Own.toml: a provider slug is 1 to 64 lower-case letters");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let ran = lint(&Shell::new()).await;
    ran.refused("definitions: No such file or directory");
}
