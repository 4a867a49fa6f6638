//! `keyway keys`.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Subcommand;
use keyway_domain::random::OsRandom;
use keyway_vault::KeyRing;
use serde_json::json;

use crate::output::Output;

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
}

pub(crate) fn run(command: &Keys, output: Output) -> anyhow::Result<()> {
    let Keys::Generate {
        out,
        public_out,
        if_missing,
    } = command;
    let generated = !(*if_missing && out.exists() && public_out.exists());
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
