//! `keyway credentials export`.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use keyway_domain::{account::Account, audit::Actor};
use keyway_gateway::transfer::export;
use keyway_vault::KeyRing;
use keyway_web::Settings;
use serde_json::json;

use crate::{context::Context, output::Output};

#[derive(Args)]
pub(crate) struct Export {
    /// Short name of the account.
    #[arg(long)]
    account: String,
    /// Where it goes; only you will be able to read it, and no file is overwritten. Standard output
    /// if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(
    command: Export,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let context = Context::open(settings).await?;
    let account = context.account(&command.account).await?;
    let ring = context.key_ring(settings).await?;
    let Some(path) = command.out else {
        write(&context, &ring, &account, &mut io::stdout().lock()).await?;
        return Ok(());
    };
    let mut file = BufWriter::new(private(&path).with_context(|| path.display().to_string())?);
    let count = write(&context, &ring, &account, &mut file).await?;
    let written = file.into_inner().map_err(io::IntoInnerError::into_error);
    written.and_then(|file| file.sync_all())?;
    output.result(
        &json!({"exported": count, "file": path}),
        format_args!("{count} credentials are in {}.", path.display()),
    )
}

fn private(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Writes the lines, a page of them in memory at a time; how many there were.
async fn write(
    context: &Context,
    ring: &KeyRing,
    account: &Account,
    to: &mut impl Write,
) -> anyhow::Result<usize> {
    let now = context.now();
    export::audit(&context.store, account.id, Actor::Operator, now).await?;
    let (mut count, mut after) = (0, None);
    while let Some((lines, last)) = export::page(&context.store, ring, account.id, after).await? {
        for line in &lines {
            writeln!(to, "{line}").context("cannot write the credentials")?;
        }
        count += lines.len();
        after = Some(last);
    }
    to.flush().context("cannot write the credentials")?;
    Ok(count)
}
