//! `keyway providers discover`, at a real server.

use std::os::unix::fs::PermissionsExt as _;

use keyway_domain::{
    ids::{AccountId, OauthAppId},
    sealed::{Place, Sealed},
};
use keyway_testkit::real::OidcProvider;
use serde_json::json;

use crate::support::{Installation, Ran, Shell, fields};

async fn server(methods: &[&str]) -> OidcProvider {
    OidcProvider::start(&json!({"par": true, "dpop": true, "methods": methods})).await
}

async fn discover(shell: &Shell, url: &str, more: &[&str]) -> Ran {
    let words = [&["providers", "discover", url], more].concat();
    shell.keyway(&words).await
}

fn outside() -> Shell {
    Shell::new().with("KEYWAY_OUTBOUND_ALLOW", "127.0.0.1")
}

#[tokio::test]
async fn a_server_is_told_as_a_definition() {
    let server = server(&["client_secret_post", "none"]).await;
    let shell = outside();
    let words = ["--dpop", "--client-authentication", "none"];
    let told = discover(&shell, server.issuer(), &words).await.succeeded();
    for line in [
        &format!("par = \"{}/request\"", server.issuer()),
        "client_authentication = \"none\"",
        "dpop = true",
    ] {
        assert!(told.stdout.lines().any(|known| known == line), "{told:?}");
    }
    let told = discover(&shell, server.issuer(), &["--slug", "own", "--json"]);
    let told = told.await.json();
    assert_eq!(
        fields(&told),
        [
            "client_authentication",
            "default_scopes",
            "definition",
            "issuer",
            "registration_endpoint",
            "resource",
            "slug"
        ]
    );
    assert_eq!(
        (&told["slug"], &told["client_authentication"]),
        (&json!("own"), &json!("client_secret_post"))
    );
}

#[tokio::test]
async fn a_definition_goes_into_a_file_that_is_read() {
    let server = server(&["client_secret_basic"]).await;
    let mut shell = outside();
    std::fs::create_dir(shell.directory.path("definitions")).expect("a directory");
    let words = ["--out", "definitions/own.toml"];
    discover(&shell, server.issuer(), &words).await.succeeded();
    let again = discover(&shell, server.issuer(), &words).await;
    again.refused("definitions/own.toml: File exists");
    shell.set("KEYWAY_PROVIDERS_DIR", "definitions");
    let listed = shell.keyway(&["providers", "list", "--json"]).await.json();
    let listed = listed.as_array().expect("a list");
    let own = listed.iter().find(|provider| provider["slug"] == "own");
    let token = format!("{}/token", server.issuer());
    assert_eq!(own.expect("our own")["token_url"], token);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_written() {
    let server = server(&["client_secret_basic"]).await;
    let shell = outside();
    for (words, reason) in [
        (&["--out", "own.txt"][..], "write a file <slug>.toml"),
        (&["--out", "Own.toml"], "a provider slug is"),
        (
            &["--out", "own.toml", "--slug", "other"],
            "the file of other is other.toml",
        ),
        (&["--slug", "linear"], "linear ships with Keyway"),
        (
            &["--client-authentication", "none"],
            "prove themselves by \"client_secret_basic\"",
        ),
    ] {
        let ran = discover(&shell, server.issuer(), words).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{ran:?}");
    }
    let ran = discover(&Shell::new(), server.issuer(), &[]).await;
    assert!(ran.stderr.contains("not a public address"), "{ran:?}");
    assert!(!shell.directory.path("own.toml").exists());
}

const REGISTER: [&str; 9] = [
    "--register",
    "--account",
    "acme",
    "--name",
    "Own",
    "--out",
    "own.toml",
    "--client-secret-out",
    "secret",
];

#[tokio::test]
async fn a_client_registers_itself_and_nobody_sees_its_secret() {
    for method in ["client_secret_basic", "private_key_jwt"] {
        let server = server(&[method]).await;
        let mut installation = Installation::new().await;
        installation.shell.set("KEYWAY_OUTBOUND_ALLOW", "127.0.0.1");
        installation
            .shell
            .set("KEYWAY_PUBLIC_URL", "https://keyway.example");
        let words = [&REGISTER[..], &["--json"]].concat();
        let ran = discover(&installation.shell, server.issuer(), &words).await;
        let secret = installation.shell.directory.read("secret");
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret));
        let app = ran.json()["oauth_app"].clone();
        let id: OauthAppId = app["id"].as_str().expect("an id").parse().expect("an id");
        assert_eq!(app["client_secret"], "***********");
        assert_eq!(
            app["callback_url"],
            "https://keyway.example/link/oauth2/callback/own"
        );
        let path = installation.shell.directory.path("secret");
        let mode = std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(sealed(&installation, id).await, secret);
        assert_eq!(
            secret.starts_with("-----BEGIN"),
            method == "private_key_jwt"
        );
    }
}

/// The secret that Keyway holds.
async fn sealed(installation: &Installation, app: OauthAppId) -> String {
    let client = installation.database.client().await;
    let row = "SELECT sealed_client_secret, account_id::text FROM oauth_apps";
    let row = client.query_one(row, &[]).await.expect("a row");
    let account: AccountId = row.get::<_, String>(1).parse().expect("an id");
    let place = Place::oauth_app_client_secret(app, account);
    let sealed = Sealed::from_bytes(row.get(0));
    let opened = installation.ring().open(&place, &sealed).expect("opens");
    opened.expose().clone()
}

#[tokio::test]
async fn a_registration_that_fails_leaves_nothing_behind() {
    let closed = json!({"methods": ["client_secret_basic"], "registration": false});
    let server = OidcProvider::start(&closed).await;
    let mut installation = Installation::new().await;
    installation.shell.set("KEYWAY_OUTBOUND_ALLOW", "127.0.0.1");
    for (account, reason) in [
        ("nobody", "there is no account"),
        ("acme", "does not let clients register themselves"),
    ] {
        let words = REGISTER.map(|word| if word == "acme" { account } else { word });
        let ran = discover(&installation.shell, server.issuer(), &words).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{ran:?}");
        for file in ["own.toml", "secret"] {
            assert!(!installation.shell.directory.path(file).exists(), "{file}");
        }
    }
}

#[tokio::test]
async fn a_registration_needs_to_know_for_whom() {
    let ran = discover(&outside(), "https://as.example", &["--register"]).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for flag in ["--account", "--name", "--out"] {
        assert!(ran.stderr.contains(flag), "{ran:?}");
    }
}
