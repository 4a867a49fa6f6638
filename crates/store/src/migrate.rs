//! Migrations, embedded and applied under a lock.

use diesel_async::{
    AsyncPgConnection, RunQueryDsl, async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::{Store, StoreError, pool::Target};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Arbitrary, and the same in every release: one migrator at a time.
const LOCK: i64 = 0x6b65_7977_6179;

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that were applied now, in order.
    pub applied: Vec<String>,
}

/// Brings a database to this version. Others who try at the same time wait and find nothing to do.
///
/// # Errors
/// [`StoreError::Url`], [`StoreError::Unavailable`] or [`StoreError::Migration`].
pub async fn migrate(url: &str) -> Result<Migrated, StoreError> {
    let target = Target::parse(url, "keyway-migrate")?;
    let mut connection = target
        .connect()
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    // An index on a large table may take its time; the pools' limit of 5 seconds is not for this.
    diesel::sql_query("SET statement_timeout = 0")
        .execute(&mut connection)
        .await?;
    lock(&mut connection).await?;
    // The harness blocks, which no async runtime may: a thread of its own. The lock is the
    // session's, and goes with the connection.
    let applied = tokio::task::spawn_blocking(move || {
        let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
        let versions = connection
            .run_pending_migrations(MIGRATIONS)
            .map_err(|error| failed(error.as_ref()))?;
        Ok::<_, StoreError>(versions.iter().map(ToString::to_string).collect())
    })
    .await
    .map_err(|error| failed(&error))??;
    Ok(Migrated { applied })
}

/// Makes an empty database on the server that `maintenance_url` leads to, if it is not there yet.
///
/// # Errors
/// [`StoreError::Url`], [`StoreError::Unavailable`] or [`StoreError::Query`].
pub async fn create_database(maintenance_url: &str, name: &str) -> Result<(), StoreError> {
    let target = Target::parse(maintenance_url, "keyway-migrate")?;
    let mut connection = target
        .connect()
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let known: bool = diesel::dsl::sql::<diesel::sql_types::Bool>(
        "SELECT EXISTS (SELECT FROM pg_database WHERE datname = ",
    )
    .bind::<diesel::sql_types::Text, _>(name)
    .sql(")")
    .get_result(&mut connection)
    .await?;
    if !known {
        let quoted = name.replace('"', "\"\"");
        diesel::sql_query(format!("CREATE DATABASE \"{quoted}\""))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Whether the database is at this version, or a newer one (migrations are backward
    /// compatible by one version, so that upgrades can roll).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        use diesel::migration::{Migration, MigrationSource};
        let mut connection = self.read().await?;
        let migrations: Vec<Box<dyn Migration<diesel::pg::Pg>>> = MIGRATIONS
            .migrations()
            .map_err(|error| failed(error.as_ref()))?;
        let known: Vec<String> = migrations
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect();
        // A database that was never migrated has no such table.
        let table = diesel::dsl::sql::<diesel::sql_types::Bool>(
            "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL",
        );
        if !table.get_result(&mut connection).await? {
            return Ok(false);
        }
        let applied = diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
            .load::<Applied>(&mut connection)
            .await?;
        Ok(known
            .iter()
            .all(|version| applied.iter().any(|row| row.version == *version)))
    }
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// A loop of tries rather than a wait: a waiting statement would hold up `CREATE INDEX
/// CONCURRENTLY`, which waits for all others to end.
async fn lock(connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
    loop {
        let query = format!("SELECT pg_try_advisory_lock({LOCK})");
        let locked: bool = diesel::dsl::sql::<diesel::sql_types::Bool>(&query)
            .get_result(connection)
            .await?;
        if locked {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

fn failed(error: &dyn std::error::Error) -> StoreError {
    StoreError::Migration(error.to_string())
}
