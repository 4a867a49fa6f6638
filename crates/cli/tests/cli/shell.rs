//! What a shell may expect: help, exit codes, pipes.

use std::{path::Path, process::Stdio};

use crate::support::{Ran, Shell, ended};

const COMMANDS: [&[&str]; 23] = [
    &[],
    &["dev"],
    &["migrate"],
    &["keys"],
    &["keys", "generate"],
    &["admins"],
    &["admins", "create"],
    &["admins", "setup-link"],
    &["oauth-apps"],
    &["oauth-apps", "create"],
    &["oauth-apps", "list"],
    &["redirect-uris"],
    &["redirect-uris", "add"],
    &["redirect-uris", "list"],
    &["redirect-uris", "remove"],
    &["api-tokens"],
    &["api-tokens", "create"],
    &["credentials", "list"],
    &["providers", "list"],
    &["providers", "lint"],
    &["config", "show"],
    &["config", "reference"],
    &["health"],
];

#[tokio::test]
async fn every_command_explains_itself_where_settings_are_wrong() {
    let shell = Shell::new().with("KEYWAY_NONSENSE", "1");
    for command in COMMANDS {
        let ran = shell.keyway(&[command, &["--help"]].concat()).await;
        let help = ran.succeeded().stdout;
        let usage = [&["Usage: keyway"], command].concat().join(" ");
        assert!(help.contains(&usage), "{help}");
    }
}

#[tokio::test]
async fn the_version_is_the_products() {
    let shell = Shell::new();
    let version = format!("keyway {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        shell.keyway(&["--version"]).await.succeeded().stdout,
        version
    );
}

#[tokio::test]
async fn what_is_not_understood_is_told_from_what_failed() {
    let shell = Shell::new();
    shell
        .keyway(&["frobnicate"])
        .await
        .misused("unrecognized subcommand 'frobnicate'");
    shell
        .keyway(&["migrate", "--frobnicate"])
        .await
        .misused("unexpected argument '--frobnicate'");
    let missing = shell.keyway(&["api-tokens", "create"]).await;
    missing.misused("the following required arguments were not provided");
    assert_eq!(shell.keyway(&[]).await.code, Some(2));
    assert_eq!(shell.keyway(&["migrate"]).await.code, Some(1));
}

/// The command line is seen by everybody on the machine, and kept in the shell's history.
#[tokio::test]
async fn no_secret_is_taken_from_the_command_line() {
    let shell = Shell::new();
    for words in [
        ["admins", "create", "--password", "x"],
        ["admins", "create", "--password-stdin", "x"],
        ["oauth-apps", "create", "--client-secret", "x"],
        ["oauth-apps", "create", "--client-secret-stdin", "x"],
    ] {
        shell.keyway(&words).await.misused("unexpected argument");
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let shell = Shell::new();
    for words in [
        &["providers", "list"][..],
        &["config", "reference"],
        &["config", "show", "--json"],
    ] {
        let mut keyway = shell.command(Path::new(env!("CARGO_BIN_EXE_keyway")));
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = keyway.args(words).stdout(writer).spawn();
        drop(keyway);
        let ran = Ran::of(ended(child.expect("keyway starts")).await);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_a_failure() {
    let full = Path::new("/dev/full");
    assert!(full.exists(), "on Linux");
    let shell = Shell::new();
    let mut keyway = shell.command(Path::new(env!("CARGO_BIN_EXE_keyway")));
    let full = std::fs::OpenOptions::new().write(true).open(full);
    keyway
        .args(["config", "reference"])
        .stdout(Stdio::from(full.expect("opened")));
    let ran = Ran::of(ended(keyway.spawn().expect("keyway starts")).await);
    ran.refused("cannot write the result: No space left on device");
}
