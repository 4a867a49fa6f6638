//! `keyway-console`: the admin console.

use std::path::PathBuf;

use actix_web::web;
use anyhow::Context as _;
use clap::Parser;
use keyway_console::{routes, setup_link, startup};
use keyway_web::{
    Settings,
    server::{Listening, stop_on_signal},
    telemetry,
};

/// The admin console of Keyway. Settings come from `KEYWAY_*` in the environment; see
/// docs/OPERATIONS.md.
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
    let listening = Listening::bind(settings.console_listen()?).context("KEYWAY_CONSOLE_LISTEN")?;
    let app = web::Data::new(startup::open(&settings).await?);
    stop_on_signal(app.stop.clone())?;
    tracing::info!(address = %listening.address(), console_url = app.console_url.as_str(), "console ready");
    let server = listening.run(routes(app.clone()), app.stop.clone())?;
    let link = setup_link(
        &app.store,
        app.random.as_ref(),
        app.clock.as_ref(),
        &app.console_url,
    )
    .await?;
    if let Some(link) = link {
        // To the terminal of whoever started the console, and not to the log.
        println!(
            "Nobody can sign in yet. Open this link within 24 hours to create the first admin:\n\n  {}\n",
            link.expose()
        );
    }
    server.await?;
    tracing::info!("console stopped");
    Ok(())
}
