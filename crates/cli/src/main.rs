#![doc = include_str!("../README.md")]

mod admins;
mod api_tokens;
mod config;
mod context;
mod credentials;
mod dev;
mod discover;
mod health;
mod input;
mod keys;
mod migrate;
mod oauth_apps;
mod output;
mod providers;
mod redirect_uris;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use keyway_web::{Settings, telemetry};

use crate::output::Output;

/// Keyway: the OAuth gateway. `keyway dev` runs everything on this machine.
#[derive(Parser)]
#[command(name = "keyway", version, propagate_version = true)]
struct Arguments {
    /// A TOML file of settings; KEYWAY_* in the environment wins.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run gateway, console, database, sample provider and sample client on this machine.
    Dev(dev::Dev),
    /// Bring the database to this version.
    Migrate,
    /// The keys that seal secrets, and those that sign tokens.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// People who sign in to the console.
    #[command(subcommand)]
    Admins(admins::Admins),
    /// Your clients at providers.
    #[command(subcommand)]
    OauthApps(oauth_apps::OauthApps),
    /// Where link flows may end.
    #[command(subcommand)]
    RedirectUris(redirect_uris::RedirectUris),
    /// Tokens for the management API.
    #[command(subcommand)]
    ApiTokens(api_tokens::ApiTokens),
    /// What providers granted.
    #[command(subcommand)]
    Credentials(credentials::Credentials),
    /// The provider catalogue.
    #[command(subcommand)]
    Providers(providers::Providers),
    /// Settings.
    #[command(subcommand)]
    Config(config::Config),
    /// Ask a service whether it is healthy, for containers without a shell.
    Health(health::Health),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keyway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let output = Output {
        json: arguments.json,
    };
    // What needs no settings runs even where they are wrong.
    let command = match arguments.command {
        Command::Keys(keys::Keys::Generate {
            out,
            public_out,
            if_missing,
        }) => return keys::generate_files(&out, &public_out, if_missing, output),
        Command::Health(command) => return health::run(&command).await,
        Command::Config(config::Config::Reference) => return config::reference(output),
        command => command,
    };
    let mut settings = Settings::load(arguments.config.as_deref())?;
    if !matches!(command, Command::Dev(_)) {
        settings.set_default("log", "warn")?;
    }
    telemetry::init(&settings)?;
    match command {
        Command::Dev(dev) => dev::run(dev, settings).await,
        Command::Migrate => migrate::run(&settings, output).await,
        Command::Admins(command) => admins::run(command, &settings, output).await,
        Command::OauthApps(command) => oauth_apps::run(command, &settings, output).await,
        Command::RedirectUris(command) => redirect_uris::run(command, &settings, output).await,
        Command::ApiTokens(command) => api_tokens::run(command, &settings, output).await,
        Command::Credentials(command) => credentials::run(command, &settings, output).await,
        Command::Providers(command) => providers::run(command, &settings, output).await,
        Command::Config(_) => config::show(&settings, output),
        Command::Keys(keys::Keys::Signing(command)) => {
            keys::signing(&command, &settings, output).await
        }
        Command::Keys(keys::Keys::Generate { .. }) | Command::Health(_) => Ok(()),
    }
}
