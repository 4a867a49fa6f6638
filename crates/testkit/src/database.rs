//! A database per test.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use keyway_devdb::{Binaries, Cluster, Options};
use keyway_domain::{Random, random::OsRandom};
use keyway_store::{Store, StoreOptions};
use tokio_postgres::{Config, NoTls};

/// The server that `script/test` runs for all test programs; without it each starts its own.
const SERVER: &str = "TEST_POSTGRES_URL";

/// Serialises the making of the template among test programs.
const TEMPLATE_LOCK: i64 = 0x6b77_7465_7374;

/// A migrated, empty database of its own. Dropped with the value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A fresh database.
    pub async fn new() -> Self {
        let template = template().await;
        let name = format!("test_{}", unique());
        execute(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        let url = url(&name);
        Self { name, url }
    }

    /// A database without any table.
    pub async fn empty() -> Self {
        let name = format!("test_{}", unique());
        execute("postgres", &format!("CREATE DATABASE {name}")).await;
        let url = url(&name);
        Self { name, url }
    }

    /// Its URL, as `KEYWAY_DATABASE_URL` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store on it.
    pub async fn store(&self) -> Store {
        self.store_with(Arc::new(OsRandom)).await
    }

    /// A store on it that draws from `random`.
    pub async fn store_with(&self, random: Arc<dyn Random>) -> Store {
        let options = StoreOptions {
            url: self.url.clone(),
            application_name: "keyway-test",
            read_connections: 2,
            write_connections: 8,
            // A busy machine is no failure.
            wait: Duration::from_secs(20),
        };
        Store::open(options, random).await.expect("a pool")
    }

    /// A connection past all our code, to look and to tamper.
    pub async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A runtime of its own: the test's may be gone already.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(execute(
                "postgres",
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            ));
        });
        let _ = dropping.join();
    }
}

/// The URL of a database on the test server.
fn url(database: &str) -> String {
    static OWN: OnceLock<Option<Cluster>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        if std::env::var_os(SERVER).is_some() {
            return None;
        }
        let binaries = Binaries::find(None, std::env::var_os("PATH").as_deref())
            .expect("Postgres on this machine");
        Some(Cluster::start(&Options::throwaway(binaries)).expect("a Postgres of our own"))
    });
    if let Some(cluster) = own {
        return cluster.url(database);
    }
    let server = std::env::var_os(SERVER)
        .and_then(|url| url.into_string().ok())
        .expect("a URL");
    let (base, _) = server.rsplit_once('/').expect("a database in the URL");
    format!("{base}/{database}")
}

/// The migrated template, made once per server and set of migrations.
async fn template() -> &'static str {
    static TEMPLATE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> String {
    let name = format!("template_{:016x}", migrations_hash());
    let client = connect(&url("postgres")).await;
    client
        .execute(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})"), &[])
        .await
        .expect("the lock");
    let ready = client
        .query_opt(
            "SELECT FROM pg_database WHERE datname = $1 AND datistemplate",
            &[&name],
        )
        .await
        .expect("an answer");
    if ready.is_none() {
        // Half made by a run that was stopped.
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .expect("dropped");
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("created");
        keyway_store::migrate(&url(&name)).await.expect("migrated");
        client
            .batch_execute(&format!("ALTER DATABASE {name} IS_TEMPLATE true"))
            .await
            .expect("marked");
    }
    client
        .execute(&format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})"), &[])
        .await
        .expect("unlocked");
    name
}

fn migrations_hash() -> u64 {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations"));
    let mut files: Vec<_> = std::fs::read_dir(root)
        .expect("migrations")
        .map(|entry| entry.expect("an entry").path().join("up.sql"))
        .filter(|path| path.exists())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file).expect("a migration").hash(&mut hasher);
    }
    hasher.finish()
}

async fn execute(database: &str, sql: &str) {
    connect(&url(database))
        .await
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let config: Config = url.parse().expect("a database URL");
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

fn unique() -> String {
    let random: &dyn Random = &OsRandom;
    format!("{:016x}", u64::from_be_bytes(random.bytes()))
}
