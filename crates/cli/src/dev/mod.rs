//! `keyway dev`: everything on this machine, in one process.

mod directory;
mod sample_client;
mod sample_provider;
mod seed;

use std::{net::SocketAddr, path::PathBuf};

use actix_web::web;
use anyhow::Context as _;
use clap::Args;
use keyway_devdb::{Binaries, Cluster, Options};
use keyway_domain::random::OsRandom;
use keyway_gateway::lifecycle::{revoke, sweep};
use keyway_web::{
    Settings,
    server::{Listening, stop_on_signal},
};
use tokio_util::sync::CancellationToken;

use crate::dev::directory::Directory;

#[derive(Args)]
pub(crate) struct Dev {
    /// Where the database, the keys and the sample's settings live.
    #[arg(long, default_value = ".keyway")]
    directory: PathBuf,
    /// First of four ports: gateway, console, sample provider, sample client.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// The four listeners, taken before anything is started.
struct Listeners {
    gateway: Listening,
    console: Listening,
    provider: Listening,
    client: Listening,
}

pub(crate) async fn run(dev: Dev, mut settings: Settings) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&mut settings, dev.port)?;
    let directory = Directory::open(&dev.directory)?;
    println!("Starting in {} …", directory.path().display());
    let cluster = database(&mut settings, &directory).await?;
    let stopped = serve(listeners, &mut settings, &directory).await;
    if let Some(cluster) = cluster {
        tokio::task::spawn_blocking(move || cluster.stop()).await??;
    }
    println!("Stopped.");
    stopped
}

impl Listeners {
    fn bind(settings: &mut Settings, port: u16) -> anyhow::Result<Self> {
        let at = |offset: u16| {
            let port = port.checked_add(offset).context("--port is too large")?;
            Ok::<_, anyhow::Error>(SocketAddr::from(([127, 0, 0, 1], port)))
        };
        let bind = |address| {
            Listening::bind(address)
                .context("choose other ports with --port, such as `keyway dev --port 9080`")
        };
        settings.set_default("listen", at(0)?.to_string())?;
        settings.set_default("console_listen", at(1)?.to_string())?;
        let listeners = Self {
            gateway: bind(settings.listen()?)?,
            console: bind(settings.console_listen()?)?,
            provider: bind(at(2)?)?,
            client: bind(at(3)?)?,
        };
        settings.set_default(
            "public_url",
            format!("http://{}", listeners.gateway.address()),
        )?;
        settings.set_default(
            "console_url",
            format!("http://{}", listeners.console.address()),
        )?;
        settings.set_default("outbound_allow", listeners.provider.address().to_string())?;
        Ok(listeners)
    }
}

/// The private cluster, unless the settings name a database.
async fn database(
    settings: &mut Settings,
    directory: &Directory,
) -> anyhow::Result<Option<Cluster>> {
    if settings.is_set("database_url") || settings.is_set("database_url_file") {
        return Ok(None);
    }
    let binaries = Binaries::find(
        settings.pg_bin().as_deref(),
        std::env::var_os("PATH").as_deref(),
    )?;
    let options = Options::durable(binaries, directory.postgres());
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&options)).await??;
    seed::create_database(&cluster.url("postgres")).await?;
    settings.set("database_url", cluster.url(seed::DATABASE))?;
    Ok(Some(cluster))
}

async fn serve(
    listeners: Listeners,
    settings: &mut Settings,
    directory: &Directory,
) -> anyhow::Result<()> {
    keyway_store::migrate(settings.database_url()?.expose()).await?;
    directory.keys(settings)?;
    let provider_url = format!("http://{}", listeners.provider.address());
    let client_url = format!("http://{}", listeners.client.address());
    directory.providers(settings, &provider_url)?;
    let seeded = seed::seed(settings, directory, &client_url).await?;
    directory.settings_file(settings)?;

    let gateway = web::Data::new(keyway_gateway::startup::open(settings).await?);
    let console = web::Data::new(keyway_console::startup::open(settings).await?);
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let gateway_url = gateway.public_url.as_str().to_owned();
    let client = sample_client::App::new(&seeded.app, &gateway_url, &client_url)?;
    let provider = sample_provider::App::new(seeded.app.provider_client(), OsRandom);

    let stops = || stop.child_token();
    let servers = [
        listeners
            .gateway
            .run(keyway_gateway::routes(gateway.clone()), stops())?,
        listeners
            .console
            .run(keyway_console::routes(console), stops())?,
        listeners
            .provider
            .run(sample_provider::routes(provider), stops())?,
        listeners
            .client
            .run(sample_client::routes(client), stops())?,
    ]
    .map(tokio::spawn);
    tokio::spawn({
        let (stop, gateway) = (stop.clone(), gateway.stop.clone());
        async move {
            stop.cancelled().await;
            gateway.cancel();
        }
    });
    let sweeping = tokio::spawn(sweep::run(gateway.clone()));
    let revoking = tokio::spawn(revoke::run(gateway.clone()));
    print_addresses(settings, directory, &seeded, &client_url)?;
    for server in servers {
        server.await??;
    }
    gateway.stop.cancel();
    gateway.tasks.close();
    gateway.tasks.wait().await;
    sweeping.await?;
    revoking.await?;
    Ok(())
}

fn print_addresses(
    settings: &Settings,
    directory: &Directory,
    seeded: &seed::Seeded,
    client_url: &str,
) -> anyhow::Result<()> {
    let sign_in = match &seeded.admin {
        Some(admin) => format!("{} / {}", admin.email, admin.password),
        None => "with the account that you made".to_owned(),
    };
    println!(
        "
  Keyway runs.

  Gateway          {gateway}
  Console          {console}
    sign in        {sign_in}
  Sample provider  {provider}
  Sample client    {client_url}

  Click this to connect an account:

    {client_url}/

  Commands for this database:  keyway --config {config} oauth-apps list --account {account}
  Ctrl-C stops everything; the data stays in {path}.
",
        gateway = settings.public_url()?.as_str(),
        console = settings.console_url()?.as_str(),
        provider = seeded.provider_url,
        config = directory.settings_path().display(),
        account = seed::ACCOUNT_SLUG,
        path = directory.path().display(),
    );
    Ok(())
}
