//! `keyway credentials`.

mod export;
mod import;
mod list;

use clap::Subcommand;
use keyway_web::Settings;

use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Credentials {
    /// List the account's credentials, newest first; secrets are never shown.
    List(list::List),
    /// Write all of the account's credentials, secrets in clear, a line of JSON each.
    Export(export::Export),
    /// Read credentials from an export, or from Nango's connection JSON.
    Import(import::Import),
}

pub(crate) async fn run(
    command: Credentials,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        Credentials::List(command) => list::run(command, settings, output).await,
        Credentials::Export(command) => export::run(command, settings, output).await,
        Credentials::Import(command) => import::run(command, settings, output).await,
    }
}
