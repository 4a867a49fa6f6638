//! A migrated database with one account and one app.

use std::{path::Path, process::Stdio, sync::Arc};

use anyhow::{Context as _, ensure};
use keyway_devdb::Cluster;
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

use crate::world::PROVIDER;

/// What one gateway serves.
pub(crate) struct Installation {
    /// The URL of its database.
    pub(crate) url: String,
    /// A connection past all of Keyway's code.
    pub(crate) client: Client,
    pub(crate) account: AccountId,
    pub(crate) app: OauthAppId,
    /// The provider's secret of the app.
    pub(crate) client_secret: String,
}

impl Installation {
    /// Makes a database of this name.
    pub(crate) async fn new(
        cluster: &Cluster,
        programs: &Path,
        ring: &KeyRing,
        name: &str,
    ) -> anyhow::Result<Self> {
        let url = cluster.url(name);
        keyway_store::create_database(&cluster.url("postgres"), name).await?;
        migrate(programs, &url).await?;
        let (account, app, client_secret) = register(&url, ring).await?;
        Ok(Self {
            client: connect(&url).await?,
            url,
            account,
            app,
            client_secret,
        })
    }
}

/// Brings a database to the programs' version, as an operator does.
pub(crate) async fn migrate(programs: &Path, database: &str) -> anyhow::Result<()> {
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
async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
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
        variables: std::collections::BTreeMap::new(),
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
