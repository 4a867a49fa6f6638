//! `keyway keys`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use keyway_domain::SecretString;
use keyway_vault::KeyRing;

use crate::support::{Installation, Shell, fields};

const GENERATE: [&str; 7] = [
    "keys",
    "generate",
    "--out",
    "keyring.toml",
    "--public-out",
    "public-keys.toml",
    "--json",
];

fn mode(shell: &Shell, name: &str) -> u32 {
    let metadata = fs::metadata(shell.directory.path(name)).expect("a file");
    metadata.permissions().mode() & 0o777
}

#[tokio::test]
async fn a_key_ring_is_for_its_owner_and_its_public_keys_are_for_all() {
    let shell = Shell::new();
    let made = shell.keyway(&GENERATE).await.json();
    assert_eq!(
        fields(&made),
        ["generated", "keyring_file", "public_keys_file"]
    );
    assert_eq!(made["keyring_file"], "keyring.toml");
    assert_eq!(made["public_keys_file"], "public-keys.toml");
    assert_eq!(made["generated"], true);
    assert_eq!(mode(&shell, "keyring.toml"), 0o600);
    assert_eq!(mode(&shell, "public-keys.toml"), 0o644);
    let ring = SecretString::new(shell.directory.read("keyring.toml"));
    let ring = KeyRing::parse(&ring).expect("a key ring");
    let public = ring.public_keys().to_toml().expect("a file");
    assert_eq!(shell.directory.read("public-keys.toml"), public);
}

#[tokio::test]
async fn no_key_is_printed() {
    let shell = Shell::new();
    let ran = shell.keyway(&GENERATE[..6]).await.succeeded();
    let ring = shell.directory.read("keyring.toml");
    let keys: Vec<&str> = ring.split('"').filter(|part| part.len() == 44).collect();
    assert_eq!(keys.len(), 2, "one for digests, one that seals");
    assert!(keys.iter().all(|key| !ran.stdout.contains(key)), "{ran:?}");
    assert!(ran.stdout.contains("Keep a copy of the key ring"));
}

#[tokio::test]
async fn a_key_ring_is_never_overwritten() {
    let shell = Shell::new();
    shell.directory.write("keyring.toml", 0o600, "precious");
    let ran = shell.keyway(&GENERATE).await;
    ran.refused("cannot make keyring.toml: File exists");
    assert_eq!(shell.directory.read("keyring.toml"), "precious");
    assert!(!shell.directory.path("public-keys.toml").exists());
}

#[tokio::test]
async fn public_keys_are_never_overwritten_and_no_ring_is_left_without_them() {
    let shell = Shell::new();
    shell.directory.write("public-keys.toml", 0o644, "precious");
    let ran = shell.keyway(&GENERATE).await;
    ran.refused("cannot make public-keys.toml: File exists");
    assert_eq!(shell.directory.read("public-keys.toml"), "precious");
    assert!(!shell.directory.path("keyring.toml").exists());
}

#[tokio::test]
async fn a_script_may_ask_at_every_start() {
    let shell = Shell::new();
    let ask = [&GENERATE[..], &["--if-missing"]].concat();
    assert_eq!(shell.keyway(&ask).await.json()["generated"], true);
    let ring = shell.directory.read("keyring.toml");
    assert_eq!(shell.keyway(&ask).await.json()["generated"], false);
    assert_eq!(shell.directory.read("keyring.toml"), ring);
}

#[tokio::test]
async fn a_ring_whose_public_keys_are_gone_is_not_replaced() {
    let shell = Shell::new();
    shell.directory.write("keyring.toml", 0o600, "precious");
    let ask = [&GENERATE[..], &["--if-missing"]].concat();
    shell.keyway(&ask).await.refused("keyring.toml");
    assert_eq!(shell.directory.read("keyring.toml"), "precious");
}

#[tokio::test]
async fn keys_are_made_where_settings_are_wrong() {
    let shell = Shell::new().with("KEYWAY_NONSENSE", "1");
    shell.keyway(&GENERATE).await.json();
}

#[tokio::test]
async fn a_signing_key_is_made_an_hour_before_it_signs() {
    let installation = Installation::new().await;
    let rotate = |more: &[&'static str]| {
        let words = ["keys", "signing", "rotate", "--json"];
        [&words[..], more].concat()
    };
    let made = installation.keyway(&rotate(&[])).await.json();
    assert_eq!(
        fields(&made[0]),
        ["algorithm", "created_at", "kid", "signs_from"]
    );
    assert_eq!(made[0]["algorithm"], "ES256");
    let moment = |name: &str, key: &serde_json::Value| {
        let text = key[name].as_str().expect("a moment");
        chrono::DateTime::parse_from_rfc3339(text).expect("a moment")
    };
    let ahead = moment("signs_from", &made[0]) - moment("created_at", &made[0]);
    assert_eq!(ahead, chrono::TimeDelta::hours(1));
    let at_once = rotate(&["--algorithm", "RS256", "--at-once"]);
    let made = installation.keyway(&at_once).await.json();
    let due: Vec<_> = made.as_array().expect("a list").iter().collect();
    assert_eq!(due.len(), 2);
    let rsa = due
        .iter()
        .find(|key| key["algorithm"] == "RS256")
        .expect("made");
    assert_eq!(rsa["signs_from"], rsa["created_at"]);
    let list = installation
        .keyway(&["keys", "signing", "list"])
        .await
        .succeeded();
    assert_eq!(list.stdout.lines().count(), 2);
    assert!(list.stdout.contains("will sign from") && list.stdout.contains("signs since"));
    let unknown = rotate(&["--algorithm", "HS256"]);
    let unknown = installation.keyway(&unknown).await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("ES256 or RS256"), "{unknown:?}");
}
