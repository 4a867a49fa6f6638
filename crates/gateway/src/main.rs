//! `keyway-gateway`: the public service.

use std::path::PathBuf;

use actix_web::web;
use anyhow::Context as _;
use clap::Parser;
use keyway_gateway::{
    lifecycle::{revoke, sweep},
    metrics, routes, startup,
};
use keyway_web::{
    Settings,
    server::{Listening, stop_on_signal},
    telemetry,
};

/// The public service of Keyway: link flow, token API, hosted pages. Settings come from
/// `KEYWAY_*` in the environment; see docs/OPERATIONS.md.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file with the same keys; the environment wins.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = Settings::load(arguments.config.as_deref())?;
    telemetry::init(&settings)?;
    let listening = Listening::bind(settings.listen()?).context("KEYWAY_LISTEN")?;
    let app = web::Data::new(startup::open(&settings).await?);
    stop_on_signal(app.stop.clone())?;
    if let Some(address) = settings.metrics_listen()? {
        let listening = Listening::bind(address).context("KEYWAY_METRICS_LISTEN")?;
        if let Some(handle) = metrics::install() {
            tokio::spawn(listening.run(metrics::routes(handle), app.stop.clone())?);
        }
    }
    let sweeping = tokio::spawn(sweep::run(app.clone()));
    let revoking = tokio::spawn(revoke::run(app.clone()));
    tracing::info!(address = %listening.address(), public_url = app.public_url.as_str(), "gateway ready");
    listening
        .run(routes(app.clone()), app.stop.clone())?
        .await?;
    app.stop.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    sweeping.await?;
    revoking.await?;
    tracing::info!("gateway stopped");
    Ok(())
}
