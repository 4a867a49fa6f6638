//! A Postgres of our own, with durable defaults; in it a migrated database with one account and
//! one app, and beside Keyway's tables those of the floors.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use keyway_devdb::{Binaries, Cluster, Options};
use keyway_domain::{
    Clock as _, Random, SecretString,
    account::Email,
    audit::Actor,
    clock::SystemClock,
    ids::{AccountId, AdminId, OauthAppId, RedirectUriId},
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUriTemplate,
    sealed::Place,
};
use keyway_store::{NewAccount, NewAdmin, NewOauthApp, RegisteredUri, Store, StoreOptions};
use keyway_vault::KeyRing;
use tokio_postgres::{Client, NoTls};

use crate::process::{Cpu, Process, family_cpu, free_address};

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
    CREATE TABLE floor.authorization_codes (LIKE public.authorization_codes INCLUDING ALL);";

/// Everything that a run stands on.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) binaries: Binaries,
    pub(crate) ring: KeyRing,
    pub(crate) account: AccountId,
    pub(crate) app: OauthAppId,
    /// The provider's secret of the app.
    pub(crate) client_secret: String,
    /// A connection past all of Keyway's code.
    pub(crate) client: Client,
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
        keyway_store::create_database(&cluster.url("postgres"), "keyway").await?;
        migrate(&programs, &cluster.url("keyway")).await?;
        let ring = KeyRing::generate(&OsRandom);
        write_private(&directory.0.join("keyring.toml"), ring.to_toml()?.expose())?;
        let (account, app, client_secret) = register(&cluster.url("keyway"), &ring).await?;
        let client = connect(&cluster.url("keyway")).await?;
        client.batch_execute(FLOOR_TABLES).await?;
        Ok(Self {
            cluster,
            binaries,
            ring,
            account,
            app,
            client_secret,
            client,
            programs,
            directory,
        })
    }

    /// The URL of the database.
    pub(crate) fn database(&self) -> String {
        self.cluster.url("keyway")
    }

    /// The version of Postgres, without the packager's own.
    pub(crate) async fn postgres_version(&self) -> anyhow::Result<String> {
        let row = self.client.query_one("SHOW server_version", &[]).await?;
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
        migrate(&self.programs, database).await
    }

    /// What all Postgres processes have spent.
    pub(crate) fn postgres_cpu(&self) -> Cpu {
        let pid = fs::read_to_string(self.file("postgres/postmaster.pid")).ok();
        let pid = pid.and_then(|text| text.lines().next()?.parse().ok());
        pid.map_or(Cpu(None), family_cpu)
    }

    /// A gateway as an operator runs it: audit, metrics and log on, settings at their defaults.
    pub(crate) fn gateway(
        &self,
        database: &str,
        upstream: std::net::SocketAddr,
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
            .env("KEYWAY_LOG", "info");
        Process::start(&mut command, address, &self.file("gateway.log"))
    }
}

async fn migrate(programs: &Path, database: &str) -> anyhow::Result<()> {
    let status = tokio::process::Command::new(programs.join("keyway"))
        .arg("migrate")
        .env_clear()
        .env("KEYWAY_DATABASE_URL", database)
        .stdout(Stdio::null())
        .status()
        .await
        .context("keyway migrate")?;
    ensure!(status.success(), "keyway migrate: {status}");
    Ok(())
}

/// A connection that belongs to the present runtime.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}

/// One account with one app and one redirect URI: all load meets in the same rows, as it does for
/// an installation's busiest customer.
async fn register(
    database: &str,
    ring: &KeyRing,
) -> anyhow::Result<(AccountId, OauthAppId, String)> {
    let options = StoreOptions {
        url: database.to_owned(),
        application_name: "keyway-bench",
        read_connections: 1,
        write_connections: 1,
        wait: StoreOptions::WAIT,
    };
    let store = Store::open(options, Arc::new(OsRandom)).await?;
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let account = NewAccount {
        id: AccountId::generate(now, random),
        slug: "acme".into(),
        name: "Acme".into(),
        created_at: now,
    };
    let admin = NewAdmin {
        id: AdminId::generate(now, random),
        email: Email::parse("a@acme.test").context("an address")?,
        password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x".into(),
        created_at: now,
    };
    let admin = store
        .insert_admin(&account, &admin, Actor::Operator)
        .await?;
    let account = admin.account.id;
    let app = OauthAppId::generate(now, random);
    let client_secret = random.token().expose().clone();
    // As the console seals it.
    let sealer = ring.sealer().context("a key")?;
    let sealed_client_secret = sealer.seal(
        &Place::oauth_app_client_secret(app, account),
        &SecretString::from(client_secret.as_str()),
        random,
    )?;
    let new = NewOauthApp {
        id: app,
        account_id: account,
        provider: ProviderSlug::parse(PROVIDER)?,
        name: "Bench".into(),
        client_id: "client".into(),
        sealed_client_secret,
        scopes: None,
        created_at: now,
        metadata: serde_json::Map::new(),
    };
    store.insert_oauth_app(&new, Actor::Operator).await?;
    let uri = RegisteredUri {
        id: RedirectUriId::generate(now, random),
        uri: RedirectUriTemplate::parse("https://client.example/callback/:provider")?,
        created_at: now,
    };
    store
        .insert_redirect_uri(account, &uri, Actor::Operator)
        .await?;
    Ok((account, app, client_secret))
}
