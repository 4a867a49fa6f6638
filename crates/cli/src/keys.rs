//! `keyway keys`.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chrono::TimeDelta;
use clap::Subcommand;
use keyway_domain::random::OsRandom;
use keyway_gateway::oauth::signing_keys::{PUBLISHED_BEFORE, make};
use keyway_vault::{KeyRing, signing::SigningAlgorithm};
use keyway_web::Settings;
use serde_json::json;

use crate::{context::Context, output::Output};

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make a key ring for the gateway, and the public keys for the console. Never overwrites a file.
    Generate {
        /// Where the key ring goes; only you will be able to read it.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Where the public keys go.
        #[arg(long, value_name = "FILE")]
        public_out: PathBuf,
        /// Leave both files as they are if both are there, for scripts that run at every start.
        #[arg(long)]
        if_missing: bool,
    },
    /// The keys that sign Keyway's own tokens.
    #[command(subcommand)]
    Signing(Signing),
}

#[derive(Subcommand)]
pub(crate) enum Signing {
    /// List the keys, oldest first.
    List,
    /// Make the next key. It is published now and signs in an hour; the one before it is published
    /// until nothing that it signed is good any more.
    Rotate {
        /// ES256 or RS256.
        #[arg(long, default_value = "ES256", value_parser = algorithm)]
        algorithm: SigningAlgorithm,
        /// Sign with it at once: clients that keep the key set may refuse what it signs for a while.
        #[arg(long)]
        at_once: bool,
    },
}

fn algorithm(name: &str) -> Result<SigningAlgorithm, &'static str> {
    SigningAlgorithm::parse(name).ok_or("ES256 or RS256")
}

pub(crate) fn generate_files(
    out: &Path,
    public_out: &Path,
    if_missing: bool,
    output: Output,
) -> anyhow::Result<()> {
    let generated = !(if_missing && out.exists() && public_out.exists());
    if generated {
        generate(out, public_out)?;
    }
    output.result(
        &json!({"keyring_file": out, "public_keys_file": public_out, "generated": generated}),
        format_args!(
            "Key ring: {}\nPublic keys: {}\n\nKeep a copy of the key ring where the database's backups are not: \
             without it, no credential can be opened.",
            out.display(),
            public_out.display()
        ),
    )
}

pub(crate) async fn signing(
    command: &Signing,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let context = Context::open(settings).await?;
    let now = context.now();
    if let Signing::Rotate { algorithm, at_once } = command {
        let ring = context.key_ring(settings).await?;
        let wait = if *at_once {
            TimeDelta::zero()
        } else {
            PUBLISHED_BEFORE
        };
        let random = context.random.as_ref();
        let key = make(&ring, random, *algorithm, now, now + wait).await?;
        context.store.insert_signing_keys(&[key], false).await?;
    }
    let keys = context.store.list_signing_keys().await?;
    let shown: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "kid": key.id.uuid(),
                "algorithm": key.algorithm,
                "created_at": key.created_at,
                "signs_from": key.signs_from,
            })
        })
        .collect();
    let mut text = String::new();
    for key in &keys {
        let due = if key.signs_from > now {
            "will sign from"
        } else {
            "signs since"
        };
        let _ = writeln!(
            text,
            "{}  {}  {due} {}",
            key.id, key.algorithm, key.signs_from
        );
    }
    output.result(&json!(shown), format_args!("{}", text.trim_end()))
}

/// Makes a key ring and its public keys, or neither.
pub(crate) fn generate(out: &Path, public_out: &Path) -> anyhow::Result<()> {
    let ring = KeyRing::generate(&OsRandom);
    write_new(out, 0o600, ring.to_toml()?.expose())?;
    let written = write_new(public_out, 0o644, &ring.public_keys().to_toml()?);
    if written.is_err() {
        // Made just now, and nothing is sealed with it yet.
        let _ = std::fs::remove_file(out);
    }
    written
}

/// Writes a file that must not exist yet: a key ring that is overwritten is lost with all that it sealed.
pub(crate) fn write_new(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}
