//! What the gateway refuses to start with: each time one sentence, and the way out.

use std::{fs, net::TcpListener, path::Path};

use keyway_domain::random::OsRandom;
use keyway_testkit::database::TestDatabase;
use keyway_vault::KeyRing;

use crate::{
    gateway::{Gateway, free_address, program, refusal, start_in_vain},
    support::{CLIENT_SECRET, Installation, create_app, ended},
};

/// An installation whose gateway would start, at ports of its own.
async fn installation() -> Installation {
    let mut installation = Installation::new().await;
    installation.shell.set("KEYWAY_LISTEN", "127.0.0.1:0");
    let metrics = free_address().to_string();
    installation.shell.set("KEYWAY_METRICS_LISTEN", &metrics);
    installation
}

/// Starts with this one setting, and expects this reason.
async fn refuses(installation: &mut Installation, name: &str, value: &str, why: &str) {
    installation.shell.set(name, value);
    let said = refusal(&start_in_vain(&installation.shell).await);
    assert!(said.contains(why), "{said}");
}

mod key_ring {
    use super::*;

    const SETTING: &str = "KEYWAY_KEYRING_FILE";

    #[tokio::test]
    async fn that_is_not_named() {
        let mut installation = installation().await;
        let why = "KEYWAY_KEYRING_FILE is not set: make one with `keyway keys generate`";
        refuses(&mut installation, SETTING, "", why).await;
    }

    #[tokio::test]
    async fn that_is_not_there() {
        let mut installation = installation().await;
        let why = "key ring missing.toml: No such file or directory";
        refuses(&mut installation, SETTING, "missing.toml", why).await;
    }

    #[tokio::test]
    async fn that_everybody_can_read() {
        let mut installation = installation().await;
        let text = installation.shell.directory.read("keyring.toml");
        let open = installation
            .shell
            .directory
            .write("open.toml", 0o644, &text);
        let why = "everybody on this machine can read it; run `chmod o= ` on it";
        refuses(&mut installation, SETTING, &open, why).await;
    }

    #[tokio::test]
    async fn that_is_malformed() {
        let mut installation = installation().await;
        for (text, why) in [
            ("canary", "not a key ring"),
            (
                "digest_key = \"canary\"\nkeys = []",
                "the ring needs at least one key",
            ),
            (
                "digest_key = \"canary\"\n[[keys]]\nid = \"00000001\"\nsecret = \"canary\"",
                "key \"00000001\" is malformed",
            ),
        ] {
            let file = installation
                .shell
                .directory
                .write("malformed.toml", 0o600, text);
            refuses(&mut installation, SETTING, &file, why).await;
        }
    }

    #[tokio::test]
    async fn of_another_installation() {
        let mut installation = installation().await;
        installation.register("linear", "client").await;
        let other = KeyRing::generate(&OsRandom).to_toml().expect("a key ring");
        let other = installation
            .shell
            .directory
            .write("other.toml", 0o600, other.expose());
        let why = "the key ring is not the one that this database was sealed with";
        refuses(&mut installation, SETTING, &other, why).await;
    }

    /// Root reads everything, so under root the gateway runs as nobody here.
    #[tokio::test]
    async fn that_the_gateway_may_not_read() {
        let installation = installation().await;
        let ring = installation.shell.directory.path("keyring.toml");
        let child = if fs::read(&ring).is_ok() && nix::unistd::geteuid().is_root() {
            let mut command = installation.shell.command(Path::new("setpriv"));
            command
                .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
                .arg(program());
            command
                .env("PATH", "/usr/bin:/bin")
                .env("RUST_BACKTRACE", "0")
                .spawn()
        } else {
            let text = installation.shell.directory.read("keyring.toml");
            installation
                .shell
                .directory
                .write("keyring.toml", 0o000, &text);
            let mut command = installation.shell.command(&program());
            command.env("RUST_BACKTRACE", "0").spawn()
        };
        let said = refusal(&ended(child.expect("the gateway starts")).await);
        assert!(said.contains("Permission denied"), "{said}");
        assert!(said.contains("key ring "), "{said}");
    }
}

mod database {
    use super::*;

    const SETTING: &str = "KEYWAY_DATABASE_URL";

    #[tokio::test]
    async fn that_is_not_named() {
        let mut installation = installation().await;
        let why = "KEYWAY_DATABASE_URL is not set: name the Postgres to use";
        refuses(&mut installation, SETTING, "", why).await;
    }

    #[tokio::test]
    async fn that_was_never_migrated() {
        let mut installation = installation().await;
        let empty = TestDatabase::empty().await;
        let why = "the database is not at this version: run `keyway migrate`";
        refuses(&mut installation, SETTING, empty.url(), why).await;
    }

    #[tokio::test]
    async fn that_cannot_be_reached() {
        let mut installation = installation().await;
        let nobody = free_address();
        let url = format!("postgres://keyway:canary@{nobody}/keyway");
        let why = "the database is unavailable: error connecting to server: Connection refused";
        refuses(&mut installation, SETTING, &url, why).await;
    }
}

mod ports {
    use super::*;

    #[tokio::test]
    async fn that_another_program_uses() {
        let mut installation = installation().await;
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        for setting in ["KEYWAY_LISTEN", "KEYWAY_METRICS_LISTEN"] {
            installation.shell.set(setting, &address);
            let said = refusal(&start_in_vain(&installation.shell).await);
            let why = format!("cannot listen on {address}: another program uses that port");
            assert!(said.contains(setting) && said.contains(&why), "{said}");
            installation.shell.set(setting, "127.0.0.1:0");
        }
    }

    #[tokio::test]
    async fn that_are_none() {
        let mut installation = installation().await;
        let why = "KEYWAY_LISTEN: an address and port, such as 127.0.0.1:8080";
        refuses(&mut installation, "KEYWAY_LISTEN", "everywhere", why).await;
    }
}

#[tokio::test]
async fn a_setting_that_is_not_known() {
    let mut installation = installation().await;
    let why = "KEYWAY_LISTN is no setting of Keyway; see `keyway config reference`";
    refuses(&mut installation, "KEYWAY_LISTN", "canary", why).await;
}

#[tokio::test]
async fn a_bad_definition() {
    let mut installation = installation().await;
    fs::create_dir(installation.shell.directory.path("definitions")).expect("a directory");
    installation
        .shell
        .directory
        .write("definitions/own.toml", 0o644, "name = 1");
    refuses(
        &mut installation,
        "KEYWAY_PROVIDERS_DIR",
        "definitions",
        "own.toml: ",
    )
    .await;
}

#[tokio::test]
async fn a_directory_of_definitions_that_is_not_there() {
    let mut installation = installation().await;
    let why = "nowhere: No such file or directory";
    refuses(&mut installation, "KEYWAY_PROVIDERS_DIR", "nowhere", why).await;
}

/// The first ring to come seals; commands and gateway then agree on it.
#[tokio::test]
async fn nothing_of_a_whole_installation() {
    let mut installation = Installation::new().await;
    let words = create_app("linear", "client");
    installation
        .keyway_reads(CLIENT_SECRET, &words)
        .await
        .json();
    installation.shell.set("KEYWAY_LOG", "info");
    let gateway = Gateway::start(&installation.shell).await;
    let health = installation
        .keyway(&["health", &gateway.url("/health/ready")])
        .await;
    health.succeeded();
}
