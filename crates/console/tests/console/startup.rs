//! From settings to a console, or to a sentence that says why not.

use std::{os::unix::fs::DirBuilderExt as _, path::PathBuf};

use keyway_console::startup;
use keyway_domain::{Random, random::OsRandom};
use keyway_store::KeyFingerprint;
use keyway_testkit::database::TestDatabase;
use keyway_vault::KeyRing;
use keyway_web::Settings;

use crate::support::Console;

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let random: &dyn Random = &OsRandom;
        let name = format!("keyway-console-test-{}", random.token().expose());
        let path = std::env::temp_dir().join(name);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn settings(database: &TestDatabase, public_keys: &str) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in [
        ("database_url", database.url()),
        ("public_keys_file", public_keys),
    ] {
        settings.set(name, value.to_owned()).expect("a setting");
    }
    settings
}

async fn refusal(settings: &Settings) -> String {
    let opened = startup::open(settings).await;
    opened.expect_err("refused").to_string()
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_refused() {
    let directory = Directory::new();
    let ring = KeyRing::generate(&OsRandom);
    let keys = ring.public_keys().to_toml().expect("a file");
    let keys = directory.file("public-keys.toml", &keys);
    let database = TestDatabase::empty().await;
    let why = refusal(&settings(&database, &keys)).await;
    assert_eq!(
        why,
        "the database is not at this version: run `keyway migrate`"
    );
    let database = TestDatabase::new().await;
    let app = startup::open(&settings(&database, &keys)).await;
    assert_eq!(
        app.expect("open").console_url.as_str(),
        "http://127.0.0.1:8081"
    );
}

#[tokio::test]
async fn public_keys_that_cannot_be_used_are_refused() {
    let directory = Directory::new();
    let database = TestDatabase::new().await;
    let ring = KeyRing::generate(&OsRandom).to_toml().expect("a file");
    let key = "keys = [{ id = \"00000000\", x25519 = \"AAAA\" }]";
    for (name, text, reason) in [
        ("garbage", "garbage", "not a public-keys file"),
        ("empty", "keys = []", "the file holds no key"),
        ("short", key, "is not an X25519 public key"),
        ("ring", ring.expose(), "unknown field"),
    ] {
        let path = directory.file(name, text);
        let why = refusal(&settings(&database, &path)).await;
        assert!(why.contains(&path) && why.contains(reason), "{why}");
        assert!(why.contains("KEYWAY_PUBLIC_KEYS_FILE"), "{why}");
        // Somebody may have given the key ring: nothing of it is quoted.
        for line in ring.expose().lines().filter(|line| line.contains('=')) {
            let (_, value) = line.split_once('=').expect("a value");
            assert!(!why.contains(value.trim()), "{why}");
        }
    }
    let why = refusal(&settings(&database, "/nonexistent/public-keys.toml")).await;
    assert!(why.contains("No such file"), "{why}");
    let why = refusal(&settings(&database, "")).await;
    assert!(why.contains("KEYWAY_PUBLIC_KEYS_FILE is not set"), "{why}");
}

/// What is sealed for a key that no gateway has could never be opened again.
#[tokio::test]
async fn a_key_that_no_gateway_has_is_refused() {
    let directory = Directory::new();
    let database = TestDatabase::new().await;
    let (ours, other) = (KeyRing::generate(&OsRandom), KeyRing::generate(&OsRandom));
    let store = database.store().await;
    let fingerprints: Vec<KeyFingerprint> = ours
        .fingerprints()
        .into_iter()
        .map(|fingerprint| KeyFingerprint {
            key: fingerprint.key,
            fingerprint: fingerprint.bytes.to_vec(),
        })
        .collect();
    let now = keyway_domain::Clock::now(&store.clock());
    let registered = store.register_vault_keys(&fingerprints, now).await;
    registered.expect("registered");
    let file = |name: &str, ring: &KeyRing| {
        let text = ring.public_keys().to_toml().expect("a file");
        directory.file(name, &text)
    };
    let opened = startup::open(&settings(&database, &file("ours", &ours))).await;
    assert!(opened.is_ok());
    let why = refusal(&settings(&database, &file("other", &other))).await;
    assert!(
        why.contains("no gateway of this database has the key"),
        "{why}"
    );
}

#[tokio::test]
async fn health_tells_what_holds() {
    let console = Console::start().await;
    let browser = console.browser();
    let live = browser.get("/health/live").await;
    assert_eq!(
        (live.status, live.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    let ready = browser.get("/health/ready").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.body,
        r#"{"checks":{"database":"ok","migrations":"ok","public_keys":"ok"},"status":"ok"}"#
    );
    let client = console.database.client().await;
    client
        .batch_execute("DELETE FROM __diesel_schema_migrations")
        .await
        .expect("deleted");
    let ready = browser.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready
            .body
            .contains(r#""migrations":"run `keyway migrate`""#)
    );
}
