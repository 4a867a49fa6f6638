//! The migrations, up and down.

use std::process::Command;

use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use keyway_devdb::Binaries;
use keyway_store::{StoreError, create_database, migrate};
use keyway_testkit::database::TestDatabase;

use crate::support::World;

type Harness = AsyncConnectionWrapper<AsyncPgConnection>;

/// The folder, as `diesel migration` reads it.
fn files() -> FileBasedMigrations {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    FileBasedMigrations::from_path(folder).expect("migrations")
}

/// The versions, in order: each folder's date and time.
fn versions() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let mut versions: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("up.sql").exists())
        .filter_map(|path| {
            Some(
                path.file_name()?
                    .to_str()?
                    .split_once('_')?
                    .0
                    .replace('-', ""),
            )
        })
        .collect();
    versions.sort();
    versions
}

/// Runs on a thread of its own: the harness blocks.
async fn with_harness<T: Send + 'static>(
    database: &TestDatabase,
    run: impl FnOnce(&mut Harness) -> T + Send + 'static,
) -> T {
    let connection = AsyncPgConnection::establish(database.url()).await;
    let connection = connection.expect("a connection");
    let running = tokio::task::spawn_blocking(move || run(&mut Harness::from(connection)));
    running.await.expect("a thread")
}

/// All that the database holds but rows; the harness's own table aside.
fn schema(database: &TestDatabase) -> String {
    let path = std::env::var_os("PATH");
    let binaries = Binaries::find(None, path.as_deref()).expect("Postgres");
    let dump = Command::new(binaries.program("pg_dump"))
        .args([
            "--schema-only",
            "--exclude-table=__diesel_schema_migrations",
        ])
        .args(["--dbname", database.url()])
        .output()
        .expect("pg_dump runs");
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    let text = String::from_utf8(dump.stdout).expect("text");
    // Recent versions bracket the dump with a random word.
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_brought_to_this_version_once() {
    let database = TestDatabase::empty().await;
    let first = migrate(database.url()).await.expect("migrated");
    assert_eq!(first.applied, versions());
    let second = migrate(database.url()).await.expect("migrated");
    assert!(second.applied.is_empty(), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_downs_leave_nothing_and_all_ups_make_the_same_again() {
    let (database, empty) = (TestDatabase::empty().await, TestDatabase::empty().await);
    migrate(database.url()).await.expect("migrated");
    let migrated = schema(&database);
    assert!(migrated.contains("CREATE TABLE public.credentials"));
    let reverted = with_harness(&database, |harness| {
        let reverted = harness.revert_all_migrations(files()).expect("reverted");
        reverted.len()
    });
    assert_eq!(reverted.await, versions().len());
    assert_eq!(schema(&database), schema(&empty));
    migrate(database.url()).await.expect("migrated");
    assert_eq!(schema(&database), migrated);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_down_undoes_its_up() {
    let database = TestDatabase::empty().await;
    for version in versions() {
        let before = schema(&database);
        with_harness(&database, |harness| {
            harness.run_next_migration(files()).expect("up");
        })
        .await;
        assert_ne!(schema(&database), before, "{version}");
        with_harness(&database, |harness| {
            harness.revert_last_migration(files()).expect("down");
        })
        .await;
        assert_eq!(schema(&database), before, "{version}");
        with_harness(&database, |harness| {
            harness.run_next_migration(files()).expect("up again");
        })
        .await;
    }
}

/// As the link flow alone left them: an app, two credentials, the second without a refresh token, and
/// an API token.
const CONNECTED: &str = r#"
    INSERT INTO accounts (id, slug, name, created_at)
    VALUES ('01930000-0000-7000-8000-000000000001', 'acme', 'Acme', '2026-11-22');
    INSERT INTO oauth_apps (id, account_id, provider, name, client_id, sealed_client_secret, created_at, updated_at)
    VALUES ('01930000-0000-7000-8000-000000000002', '01930000-0000-7000-8000-000000000001', 'linear', 'Linear', 'client',
            'sealed', '2026-11-22', '2026-11-22');
    INSERT INTO grants (id, account_id, oauth_app_id, kind, external_id, properties, secret_names, sealed_secrets, variables,
                        expires_at, created_at)
    VALUES ('01930000-0000-7000-8000-000000000003', '01930000-0000-7000-8000-000000000001',
            '01930000-0000-7000-8000-000000000002', 'linear_oauth2', 'one', '{"scope": "read write"}',
            '["access_token", "refresh_token"]', 'sealed', '{}', '2026-11-23', '2026-11-22'),
           ('01930000-0000-7000-8000-000000000004', '01930000-0000-7000-8000-000000000001',
            '01930000-0000-7000-8000-000000000002', 'linear_oauth2', 'two', '{}',
            '["access_token"]', 'sealed', '{}', '2026-11-23', '2026-11-22');
    INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, created_at, updated_at)
    SELECT id, account_id, oauth_app_id, 'linear', kind, external_id, id, created_at, created_at FROM grants;
    INSERT INTO api_tokens (id, account_id, name, token_digest, scope, created_at)
    VALUES ('01930000-0000-7000-8000-000000000005', '01930000-0000-7000-8000-000000000001', 'old', sha256('keyed'),
            'link_sessions:write', '2026-11-22')"#;

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_the_first_link_flow_are_kept_alive() {
    let database = TestDatabase::empty().await;
    with_harness(&database, |harness| {
        for _ in 0..4 {
            harness.run_next_migration(files()).expect("up");
        }
    })
    .await;
    let client = database.client().await;
    client.batch_execute(CONNECTED).await.expect("stored");
    migrate(database.url()).await.expect("migrated");
    let query = "SELECT concat_ws(' ', c.external_id, c.health_status, c.health_at::date, g.provider,
                                  coalesce(g.scope, 'unknown'), coalesce(g.refresh_at::date::text, 'never'))
                 FROM credentials c JOIN grants g ON g.id = c.grant_id ORDER BY 1";
    let rows = client.query(query, &[]).await.expect("an answer");
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        rows,
        [
            "one ok 2026-11-22 linear read write 2026-11-23",
            "two ok 2026-11-22 linear unknown never",
        ]
    );
    let tokens = client.query("SELECT FROM api_tokens", &[]).await;
    assert!(tokens.expect("an answer").is_empty(), "nobody knows them");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_migrators_that_come_at_once_one_works_and_the_others_wait() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let (a, b, c, d) = tokio::join!(migrate(url), migrate(url), migrate(url), migrate(url));
    let mut applied: Vec<usize> = [a, b, c, d]
        .into_iter()
        .map(|migrated| migrated.expect("migrated").applied.len())
        .collect();
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, versions().len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_says_which_and_the_next_try_goes_on_there() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    let in_the_way = "CREATE TABLE redirect_uris ()";
    client.batch_execute(in_the_way).await.expect("made");
    let refused = migrate(database.url()).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Migration(_)), "{refused:?}");
    let why = refused.to_string();
    assert!(
        why.contains("create_oauth_apps") && why.contains("redirect_uris"),
        "{why}"
    );
    let half = "SELECT FROM pg_tables WHERE tablename = 'oauth_apps'";
    assert!(client.query(half, &[]).await.expect("an answer").is_empty());
    client
        .batch_execute("DROP TABLE redirect_uris")
        .await
        .expect("dropped");
    let migrated = migrate(database.url()).await.expect("migrated");
    assert_eq!(migrated.applied, versions()[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_never_migrated_is_known_as_such() {
    let database = TestDatabase::empty().await;
    let store = database.store().await;
    assert!(!store.is_migrated().await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_this_version_is_migrated() {
    let world = World::new().await;
    assert!(world.store.is_migrated().await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lacks_a_migration_is_not_migrated() {
    let world = World::new().await;
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = {newest}");
    world.sql(&forget).await;
    assert!(!world.store.is_migrated().await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_migrated_for_the_sake_of_rolling_upgrades() {
    let world = World::new().await;
    world
        .sql("INSERT INTO __diesel_schema_migrations VALUES ('99991231235959')")
        .await;
    assert!(world.store.is_migrated().await.expect("an answer"));
    let migrated = migrate(world.database.url()).await.expect("migrated");
    assert!(migrated.applied.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_that_begins_with_it() {
    let world = World::new().await;
    let keys = "pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace";
    assert!(world.count(keys).await >= 17, "the query sees them");
    let bare = format!(
        "SELECT conname FROM {keys} AND NOT EXISTS (
             SELECT FROM pg_index
             WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL AND indisvalid)"
    );
    assert_eq!(world.sql(&bare).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_says_what_it_is_for() {
    let world = World::new().await;
    let tables = "pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND relname <> '__diesel_schema_migrations'";
    assert!(world.count(tables).await >= 13, "the query sees them");
    let mute = format!("SELECT relname FROM {tables} AND obj_description(oid, 'pg_class') IS NULL");
    assert_eq!(world.sql(&mute).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_made_if_it_is_not_there() {
    let database = TestDatabase::empty().await;
    let client = database.client().await;
    let own = client.query_one("SELECT current_database()", &[]).await;
    let name = format!("{}\"; odd name", own.expect("a name").get::<_, String>(0));
    for _ in 0..2 {
        create_database(database.url(), &name).await.expect("made");
    }
    let known = "SELECT FROM pg_database WHERE datname = $1";
    let known = client.query(known, &[&name]).await;
    assert_eq!(known.expect("an answer").len(), 1);
    let drop = format!("DROP DATABASE \"{}\"", name.replace('"', "\"\""));
    client.batch_execute(&drop).await.expect("dropped");
}
