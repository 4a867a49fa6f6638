//! A Postgres of our own, with durable defaults; in it a migrated database with one account and
//! one app, and beside Keyway's tables those of the floors.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use keyway_devdb::{Binaries, Cluster, Options};
use keyway_domain::random::OsRandom;
use keyway_vault::KeyRing;

use crate::{
    installation::{self, Installation},
    process::{Cpu, Process, family_cpu, free_address},
};

/// The provider of the bench.
pub(crate) const PROVIDER: &str = "bench";
/// Where its flows end.
pub(crate) const REDIRECT_URI: &str = "https://client.example/callback/bench";

/// The same tables, columns, checks and indexes as Keyway's; no foreign keys.
const FLOOR_TABLES: &str = "
    CREATE SCHEMA floor;
    CREATE TABLE floor.oauth_apps (LIKE public.oauth_apps INCLUDING ALL);
    CREATE TABLE floor.authorization_sessions (LIKE public.authorization_sessions INCLUDING ALL);
    CREATE TABLE floor.grants (LIKE public.grants INCLUDING ALL);
    CREATE TABLE floor.authorization_codes (LIKE public.authorization_codes INCLUDING ALL);
    CREATE TABLE floor.credentials (LIKE public.credentials INCLUDING ALL);";

/// Everything that a run stands on.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) binaries: Binaries,
    pub(crate) ring: KeyRing,
    /// What most rows run on.
    pub(crate) own: Installation,
    programs: PathBuf,
    directory: Directory,
}

/// A directory that goes with its owner.
pub(crate) struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    /// Starts Postgres and fills it, with the programs of this directory.
    pub(crate) async fn new(programs: PathBuf) -> anyhow::Result<Self> {
        // On the disk that the build is on: where there is a disk for temporary files only, it may
        // be no disk at all.
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let directory = Directory(root.join(format!("performance-{}", std::process::id())));
        fs::create_dir_all(directory.0.join("providers"))?;
        let binaries = Binaries::find(None, std::env::var_os("PATH").as_deref())?;
        let options = Options::durable(binaries.clone(), directory.0.join("postgres"));
        let cluster = tokio::task::spawn_blocking(move || Cluster::start(&options)).await??;
        let ring = KeyRing::generate(&OsRandom);
        write_private(&directory.0.join("keyring.toml"), ring.to_toml()?.expose())?;
        let own = Installation::new(&cluster, &programs, &ring, "keyway").await?;
        own.client.batch_execute(FLOOR_TABLES).await?;
        Ok(Self {
            cluster,
            binaries,
            ring,
            own,
            programs,
            directory,
        })
    }

    /// Another installation on the same Postgres.
    pub(crate) async fn beside(&self, name: &str) -> anyhow::Result<Installation> {
        Installation::new(&self.cluster, &self.programs, &self.ring, name).await
    }

    /// The version of Postgres, without the packager's own.
    pub(crate) async fn postgres_version(&self) -> anyhow::Result<String> {
        let row = self
            .own
            .client
            .query_one("SHOW server_version", &[])
            .await?;
        let version: String = row.get(0);
        Ok(version.split(' ').next().unwrap_or_default().to_owned())
    }

    /// A file of the run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.0.join(name)
    }

    /// Writes the definition of the provider that is reached at `upstream`.
    pub(crate) fn write_definition(&self, upstream: std::net::SocketAddr) -> anyhow::Result<()> {
        let text = crate::upstream::definition(upstream);
        Ok(fs::write(self.file("providers/bench.toml"), text)?)
    }

    /// One of Keyway's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Brings a database to the programs' version, as an operator does.
    pub(crate) async fn migrate(&self, database: &str) -> anyhow::Result<()> {
        installation::migrate(&self.programs, database).await
    }

    /// What all Postgres processes have spent.
    pub(crate) fn postgres_cpu(&self) -> Cpu {
        let pid = fs::read_to_string(self.file("postgres/postmaster.pid")).ok();
        let pid = pid.and_then(|text| text.lines().next()?.parse().ok());
        pid.map_or(Cpu(None), family_cpu)
    }

    /// A gateway as an operator runs it: audit, metrics and log on, settings at their defaults but
    /// these.
    pub(crate) fn gateway(
        &self,
        database: &str,
        upstream: std::net::SocketAddr,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Process> {
        let address = free_address()?;
        let mut command = Command::new(self.program("keyway-gateway"));
        command
            .env_clear()
            .env("KEYWAY_DATABASE_URL", database)
            .env("KEYWAY_PUBLIC_URL", format!("http://{address}"))
            .env("KEYWAY_LISTEN", address.to_string())
            .env("KEYWAY_METRICS_LISTEN", free_address()?.to_string())
            .env("KEYWAY_KEYRING_FILE", self.file("keyring.toml"))
            .env("KEYWAY_PROVIDERS_DIR", self.file("providers"))
            .env("KEYWAY_OUTBOUND_ALLOW", upstream.to_string())
            .env("KEYWAY_LOG", "info")
            .envs(settings.iter().copied());
        Process::start(&mut command, address, &self.file("gateway.log"))
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
