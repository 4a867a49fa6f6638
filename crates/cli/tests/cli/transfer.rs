//! `keyway credentials export` and `import`.

use std::net::TcpListener;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

use crate::support::{CANARY, Installation};

const FILE: &str = "export.ndjson";

/// An export's line, as another installation wrote it.
fn line(client_id: &str, organization: &str) -> Value {
    json!({
        "id": "01a20065-dfc8-7e73-b2cb-14f045897831",
        "name": "Main workspace",
        "provider": "linear",
        "kind": "linear_oauth2",
        "oauth_app_id": "01a20065-dfc8-7e73-b2cb-14f045897832",
        "oauth_app": {"provider": "linear", "client_id": client_id},
        "properties": {
            "kind": "linear_oauth2",
            "access_token": format!("access-token-{organization}"),
            "refresh_token": "only-refresh-token",
            "expires_at": "2030-01-01T00:00:00Z",
            "scope": "read",
            "linear_org_id": organization,
            "linear_org_name": "Arrakis Inc.",
        },
        "end_user": {"id": "user-7"},
        "metadata": {"team": 7},
        "created_at": "2026-01-01T00:00:00Z",
    })
}

fn import<'a>(flags: &[&'a str], file: &'a str) -> Vec<&'a str> {
    let words = ["credentials", "import", "--account", "acme", "--json"];
    [&words[..], flags, &[file]].concat()
}

const EXPORT: [&str; 4] = ["credentials", "export", "--account", "acme"];

/// The lines of an export without what differs from one installation to the next.
fn lines(export: &str) -> Vec<Value> {
    export
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            let members = line.as_object_mut().expect("an object");
            for name in ["id", "oauth_app_id", "created_at", "updated_at"] {
                assert!(members.remove(name).is_some(), "{name}");
            }
            line
        })
        .collect()
}

#[tokio::test]
async fn an_export_moves_to_a_fresh_installation() {
    let old = Installation::new().await;
    let app = old.register("linear", "client").await;
    let text = format!("{}\n{}\n", line("client", "one"), line("client", "two"));
    let words = import(&["--oauth-app", &app], "-");
    let ran = old.keyway_reads(&text, &words).await.json();
    assert_eq!(ran, json!({"imported": 2, "renewed": 0, "failed": 0}));
    let words = [&EXPORT[..], &["--out", FILE, "--json"]].concat();
    let ran = old.keyway(&words).await.json();
    assert_eq!(ran, json!({"exported": 2, "file": FILE}));
    let exported = old.shell.directory.read(FILE);
    let again = old.keyway(&words).await;
    again.refused("File exists");
    assert_eq!(
        old.sql("SELECT actor_kind FROM audit_events WHERE action = 'credential.exported'")
            .await,
        ["operator"]
    );

    let fresh = Installation::new().await;
    fresh.register("linear", "client").await;
    fresh.register("linear", "another").await;
    let file = fresh.shell.directory.write(FILE, 0o600, &exported);
    let words = import(&["--match-apps"], &file);
    let ran = fresh.keyway(&words).await.json();
    assert_eq!(ran, json!({"imported": 2, "renewed": 0, "failed": 0}));
    let ran = fresh.keyway(&words).await.json();
    assert_eq!(ran, json!({"imported": 0, "renewed": 2, "failed": 0}));
    let moved = fresh.keyway(&EXPORT).await.succeeded();
    assert_eq!(lines(&moved.stdout), lines(&exported));
    assert_eq!(
        lines(&moved.stdout)[0]["properties"],
        line("client", "one")["properties"]
    );
}

#[tokio::test]
async fn an_export_that_is_written_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let installation = Installation::new().await;
    let words = [&EXPORT[..], &["--out", FILE]].concat();
    installation.keyway(&words).await.succeeded();
    let file = installation.shell.directory.path(FILE);
    let mode = file.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn an_entry_that_cannot_be_imported_is_named_and_the_others_go_on() {
    let installation = Installation::new().await;
    installation.register("linear", "client").await;
    let mut masked = line("client", "masked");
    masked["properties"]["access_token"] = json!("***********");
    let text = format!(
        "{}\n{masked}\n{}\n{}\n",
        line("unknown", "one"),
        json!({"properties": 7, "secret": CANARY}),
        line("client", "two")
    );
    let words = import(&["--match-apps"], "-");
    let ran = installation.keyway_reads(&text, &words).await;
    for sentence in [
        "entry 1: the account has no app of linear with the client id \"unknown\"",
        "entry 2: properties.access_token: ",
        "entry 3: it does not have the fields and types of this format",
        "3 entries were not imported",
    ] {
        assert!(ran.stderr.contains(sentence), "{sentence}: {}", ran.stderr);
    }
    assert_eq!(ran.code, Some(1));
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(told, json!({"imported": 1, "renewed": 0, "failed": 3}));
    let names = installation
        .sql("SELECT external_id FROM credentials")
        .await;
    assert_eq!(names, ["two"]);
}

#[tokio::test]
async fn an_import_says_to_which_apps() {
    let installation = Installation::new().await;
    installation
        .keyway(&import(&[], "-"))
        .await
        .misused("required");
    let both = ["--match-apps", "--format", "nango"];
    installation
        .keyway(&import(&both, "-"))
        .await
        .refused("give --oauth-app");
    let unknown = ["--oauth-app", "01a20065-dfc8-7e73-b2cb-14f045897831"];
    let text = line("client", "one").to_string();
    let ran = installation
        .keyway_reads(&text, &import(&unknown, "-"))
        .await;
    assert!(
        ran.stderr.contains("there is no such OAuth app"),
        "{}",
        ran.stderr
    );
}

mod nango {
    use super::*;

    /// What the provider says of whose a token is.
    async fn me(request: HttpRequest) -> HttpResponse {
        let header = request.headers().get("authorization");
        if header.is_none_or(|value| value != "Bearer newest-access-token") {
            return HttpResponse::Unauthorized().json(json!({"error": "invalid_token"}));
        }
        HttpResponse::Ok().json(json!({"workspace": {"id": "w-7", "name": "Arrakis Inc."}}))
    }

    /// An installation that knows a provider on this machine.
    async fn installation() -> (Installation, String) {
        installation_of(str::to_owned).await
    }

    /// The same, of a provider that differs.
    async fn installation_of(differing: impl FnOnce(&str) -> String) -> (Installation, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = HttpServer::new(|| App::new().route("/me", web::get().to(me)));
        tokio::spawn(server.workers(1).listen(listener).expect("a server").run());
        let mut installation = Installation::new().await;
        let definition = differing(include_str!("../../src/dev/sample.toml"));
        let definition = definition.replace("127.0.0.1:8082", &address);
        let directory = installation.shell.directory.path("providers");
        std::fs::create_dir(&directory).expect("a directory");
        std::fs::write(directory.join("sample.toml"), definition).expect("a file");
        let directory = directory.to_str().expect("text").to_owned();
        installation.shell.set("KEYWAY_PROVIDERS_DIR", &directory);
        installation.shell.set("KEYWAY_OUTBOUND_ALLOW", "127.0.0.1");
        let app = installation.register("sample", "client").await;
        (installation, app)
    }

    /// What Nango's `GET /connections/{connectionId}` answers.
    fn connection() -> Value {
        json!({
            "id": 1,
            "connection_id": "customer-7",
            "provider_config_key": "sample",
            "provider": "sample",
            "errors": [],
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-02T00:00:00.000Z",
            "tags": {},
            "metadata": {"tenant": "acme"},
            "connection_config": {},
            "end_user": {
                "id": "user-7", "display_name": "Paul", "email": "paul@client.example",
                "tags": {}, "organization": null,
            },
            "credentials": {
                "type": "OAUTH2",
                "access_token": "newest-access-token",
                "refresh_token": "only-refresh-token",
                "expires_at": "2030-01-01T00:00:00.000Z",
                "raw": {
                    "access_token": "older-access-token", "token_type": "Bearer",
                    "expires_in": 3600, "scope": "read write",
                },
            },
        })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_becomes_a_credential() {
        let (installation, app) = installation().await;
        let words = import(&["--oauth-app", &app, "--format", "nango"], "-");
        let text = connection().to_string();
        let ran = installation.keyway_reads(&text, &words).await.json();
        assert_eq!(ran, json!({"imported": 1, "renewed": 0, "failed": 0}));
        let exported = installation.keyway(&EXPORT).await.succeeded();
        let line = &lines(&exported.stdout)[0];
        assert_eq!(line["name"], "customer-7");
        assert_eq!(line["metadata"], json!({"tenant": "acme"}));
        let user = json!({"id": "user-7", "email": "paul@client.example", "name": "Paul"});
        assert_eq!(line["end_user"], user);
        assert_eq!(
            line["properties"],
            json!({
                "kind": "sample_oauth2",
                "access_token": "newest-access-token",
                "refresh_token": "only-refresh-token",
                "expires_at": "2030-01-01T00:00:00Z",
                "scope": "read write",
                "workspace_id": "w-7",
                "workspace_name": "Arrakis Inc.",
            })
        );
        let ran = installation.keyway_reads(&text, &words).await.json();
        assert_eq!(ran, json!({"imported": 0, "renewed": 1, "failed": 0}));
    }

    /// Whatever Nango says of it: the client secret goes where the admin said.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_admin_sets_comes_from_the_app() {
        let site = "[variables.site]\nlabel = \"Site\"\npattern = '[a-z]+'\ndefault = \"me\"\nset_by = \"admin\"\n";
        let differing =
            |sample: &str| format!("{}\n{site}", sample.replace("8082/me", "8082/{site}"));
        let (installation, app) = installation_of(differing).await;
        let words = import(&["--oauth-app", &app, "--format", "nango"], "-");
        let mut connection = connection();
        connection["connection_config"] = json!({"site": "elsewhere"});
        let connection = connection.to_string();
        let ran = installation.keyway_reads(&connection, &words);
        let imported = json!({"imported": 1, "renewed": 0, "failed": 0});
        assert_eq!(ran.await.json(), imported);
        let kept = "SELECT variables->>'site' FROM grants";
        assert_eq!(installation.sql(kept).await, ["me"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_become_one_is_refused() {
        let (installation, app) = installation().await;
        let words = import(&["--oauth-app", &app, "--format", "nango"], "-");
        for (pointer, value, why) in [
            (
                "/credentials/type",
                json!("API_KEY"),
                "only OAUTH2 is taken",
            ),
            (
                "/credentials/access_token",
                json!(null),
                "credentials.access_token: is missing",
            ),
            (
                "/credentials/access_token",
                json!("dead-access-token"),
                "the provider: ",
            ),
            ("/metadata", json!({"a": "\0"}), "metadata: "),
            ("/end_user/id", json!(""), "end_user.id: "),
        ] {
            let mut connection = connection();
            *connection.pointer_mut(pointer).expect("a member") = value;
            let ran = installation
                .keyway_reads(&connection.to_string(), &words)
                .await;
            assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
            assert!(!ran.stderr.contains("access-token"), "{}", ran.stderr);
        }
        assert_eq!(installation.sql("SELECT count(*) FROM grants").await, ["0"]);
    }
}
