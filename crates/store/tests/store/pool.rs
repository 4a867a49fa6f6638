//! Connections: how they are made, lost, and run out.

use std::{sync::Arc, time::Duration};

use keyway_domain::{Clock as _, audit::Actor, clock::SystemClock};
use keyway_store::{Store, StoreError, StoreOptions, migrate};
use keyway_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{World, new_uri, open, options, patient, with_parameter};

/// Keeps every writer out until the client lets go.
const LOCK: &str = "BEGIN; LOCK TABLE redirect_uris IN EXCLUSIVE MODE";

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>, why: &str) {
    let error = result.as_ref().expect_err("unavailable");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
}

mod made {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_bear_the_programs_name() {
        let database = TestDatabase::empty().await;
        let named = StoreOptions {
            application_name: "keyway-named",
            ..options(database.url())
        };
        let store = open(named).await;
        store.ping().await.expect("alive");
        let client = database.client().await;
        let named = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'keyway-named'";
        assert_eq!(client.query(named, &[]).await.expect("an answer").len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_clock_follows_a_database_whose_clock_differs() {
        let database = TestDatabase::empty().await;
        let client = database.client().await;
        // Found before Postgres's own, so this database lives an hour ahead.
        client
            .batch_execute(
                "CREATE SCHEMA ahead;
                 CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                     AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$;
                 DO $$ BEGIN
                     EXECUTE format('ALTER DATABASE %I SET search_path = ahead, public, pg_catalog', current_database());
                 END $$",
            )
            .await
            .expect("shifted");
        let store = open(options(database.url())).await;
        store.ping().await.expect("alive");
        let ahead = store.clock().now() - SystemClock.now();
        assert!((ahead.num_seconds() - 3600).abs() <= 5, "{ahead}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tls_that_is_demanded_and_not_offered_is_refused_with_that_reason() {
        let database = TestDatabase::empty().await;
        let demanding = StoreOptions {
            wait: Duration::from_secs(2),
            ..options(&with_parameter(database.url(), "sslmode=require"))
        };
        let pinged = open(demanding.clone()).await.ping().await;
        assert_unavailable(&pinged, "server does not support TLS");
        assert_unavailable(
            &migrate(&demanding.url).await,
            "server does not support TLS",
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_refused_with_the_reason_and_without_the_password() {
        let nowhere = StoreOptions {
            wait: Duration::from_secs(2),
            ..options("postgres://keyway:canary@%2Fnowhere/keyway")
        };
        let url = nowhere.url.clone();
        let pinged = open(nowhere).await.ping().await;
        assert_unavailable(&pinged, "No such file or directory");
        let migrated = migrate(&url).await;
        assert_unavailable(&migrated, "No such file or directory");
        let shown = format!("{pinged:?} {migrated:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_is_not_there_is_named() {
        let database = TestDatabase::empty().await;
        let (server, _) = database.url().rsplit_once('/').expect("a database");
        let missing = StoreOptions {
            wait: Duration::from_secs(2),
            ..options(&format!("{server}/missing"))
        };
        let pinged = open(missing).await.ping().await;
        assert_unavailable(&pinged, "database \"missing\" does not exist");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn options_do_not_show_the_password() {
        let shown = format!("{:?}", options("postgres://keyway:canary@localhost/keyway"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

mod lost {
    use super::*;

    /// Cuts all connections of the store, and waits until they are gone.
    const CUT: &str = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                       WHERE datname = current_database() AND application_name = 'keyway-test'";

    #[tokio::test(flavor = "multi_thread")]
    async fn idle_connections_that_were_cut_are_replaced() {
        let world = World::new().await;
        // All eight of the pool for writes, idle again.
        let listing = (0..8).map(|_| world.store.list_vault_keys());
        let listed = futures_util::future::join_all(listing).await;
        assert!(listed.iter().all(Result::is_ok), "{listed:?}");
        world.sql(CUT).await;
        let first = world.store.list_vault_keys().await;
        if let Err(error) = &first {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
        for _ in 0..16 {
            world
                .store
                .list_vault_keys()
                .await
                .expect("the pool recovered");
            world.store.ping().await.expect("the pool recovered");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_whose_connection_is_cut_is_unavailable_and_the_next_works() {
        let world = World::new().await;
        let client = world.database.client().await;
        client.batch_execute(LOCK).await.expect("locked");
        let mut writes = insert_many(&world, 64);
        world.until_blocked(8).await;
        world.sql(CUT).await;
        // Those that waited for a connection go on with new ones.
        world.until_blocked(8).await;
        client.batch_execute("ROLLBACK").await.expect("let go");
        let mut cut = 0;
        while let Some(written) = writes.join_next().await {
            let written = written.expect("a task");
            if written.is_err() {
                assert_unavailable(&written, "connection");
                cut += 1;
            }
        }
        assert_eq!(cut, 8);
        assert_eq!(world.count("redirect_uris").await, 56);
        assert_eq!(world.audited("redirect_uri.added").await.len(), 56);
        world
            .store
            .list_vault_keys()
            .await
            .expect("the pool recovered");
    }
}

mod exhausted {
    use super::*;

    /// A world whose store has two connections for writes, made already, and waits for one second.
    async fn impatient() -> World {
        let world = World::new().await;
        let impatient = StoreOptions {
            wait: Duration::from_secs(1),
            ..options(&patient(world.database.url()))
        };
        let store = open(impatient).await;
        while !(store.ping().await.is_ok() && {
            let (one, other) = tokio::join!(store.list_vault_keys(), store.list_vault_keys());
            one.is_ok() && other.is_ok()
        }) {}
        World { store, ..world }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pool_without_a_free_connection_says_so_in_time() {
        let world = impatient().await;
        let client = world.database.client().await;
        client.batch_execute(LOCK).await.expect("locked");
        let mut writes = insert_many(&world, 2);
        world.until_blocked(2).await;
        let refused = tokio::time::timeout(Duration::from_secs(30), world.store.list_vault_keys());
        assert_unavailable(
            &refused.await.expect("no hang"),
            "no connection became free",
        );
        client.batch_execute("ROLLBACK").await.expect("let go");
        while let Some(written) = writes.join_next().await {
            written.expect("a task").expect("written");
        }
        world.store.list_vault_keys().await.expect("free again");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writers_that_wait_keep_no_reader_waiting() {
        let world = impatient().await;
        let client = world.database.client().await;
        client.batch_execute(LOCK).await.expect("locked");
        let mut writes = insert_many(&world, 2);
        world.until_blocked(2).await;
        let found = world.store.find_oauth_app(world.account, world.app).await;
        assert!(found.expect("an answer").is_some());
        world.until_blocked(2).await;
        client.batch_execute("ROLLBACK").await.expect("let go");
        while let Some(written) = writes.join_next().await {
            written.expect("a task").expect("written");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_that_takes_too_long_is_unavailable() {
        let world = World::new().await;
        let short = "options=-c%20statement_timeout%3D100ms";
        let hasty = open(options(&with_parameter(world.database.url(), short))).await;
        let client = world.database.client().await;
        client.batch_execute(LOCK).await.expect("locked");
        let uri = new_uri("https://client.example/cb");
        let refused = hasty.insert_redirect_uri(world.account, &uri, Actor::Operator);
        assert_unavailable(&refused.await, "statement timeout");
        client.batch_execute("ROLLBACK").await.expect("let go");
        let inserted = hasty.insert_redirect_uri(world.account, &uri, Actor::Operator);
        inserted.await.expect("the connection is as good as before");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_takes_no_writes_is_unavailable() {
        let world = World::new().await;
        let read_only = "options=-c%20default_transaction_read_only%3Don";
        let store = open(options(&with_parameter(world.database.url(), read_only))).await;
        let uri = new_uri("https://client.example/cb");
        let refused = store.insert_redirect_uri(world.account, &uri, Actor::Operator);
        assert_unavailable(&refused.await, "read-only");
        let found = store.find_oauth_app(world.account, world.app).await;
        assert!(found.expect("an answer").is_some());
    }
}

/// So many registrations at once.
fn insert_many(world: &World, count: usize) -> JoinSet<Result<(), StoreError>> {
    let (store, account): (Arc<Store>, _) = (Arc::new(world.store.clone()), world.account);
    let mut writes = JoinSet::new();
    for number in 0..count {
        let store = Arc::clone(&store);
        writes.spawn(async move {
            let uri = new_uri(&format!("https://client.example/{number}"));
            store
                .insert_redirect_uri(account, &uri, Actor::Operator)
                .await
        });
    }
    writes
}
