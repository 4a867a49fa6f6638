//! `keyway credentials import`.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use keyway_domain::{
    account::Account, audit::Actor, credential::EndUser, ids::OauthAppId, provider::ProviderSlug,
};
use keyway_gateway::{
    startup,
    transfer::{
        import::{Importer, Incoming},
        nango::Connection,
    },
};
use keyway_store::{ImportedCredential, OauthApp};
use keyway_web::Settings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{context::Context, output::Output};

#[derive(Args)]
pub(crate) struct Import {
    /// Short name of the account.
    #[arg(long)]
    account: String,
    #[command(flatten)]
    apps: Apps,
    /// What the file holds.
    #[arg(long, value_enum, default_value_t = Format::Keyway)]
    format: Format,
    /// The file; `-` for standard input.
    file: PathBuf,
}

/// The apps that the credentials were granted to.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Apps {
    /// All of them to this one.
    #[arg(long, value_name = "ID")]
    oauth_app: Option<OauthAppId>,
    /// Each to the account's app with the provider and client id that the export names.
    #[arg(long)]
    match_apps: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An export of Keyway.
    Keyway,
    /// Connections of Nango, as its API answers them with credentials.
    Nango,
}

/// A line of an export.
#[derive(Deserialize)]
struct Line {
    properties: Map<String, Value>,
    oauth_app: Option<ExportedApp>,
    name: Option<String>,
    metadata: Option<Map<String, Value>>,
    end_user: Option<EndUser>,
}

#[derive(Deserialize)]
struct ExportedApp {
    provider: ProviderSlug,
    client_id: String,
}

pub(crate) async fn run(
    command: Import,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    if command.format == Format::Nango && command.apps.match_apps {
        bail!("Nango's connections do not name their client: give --oauth-app");
    }
    let context = Context::open(settings).await?;
    let desk = Desk {
        account: context.account(&command.account).await?,
        ring: context.key_ring(settings).await?,
        catalogue: keyway_catalogue::Providers::new(
            startup::read_catalogue(settings)?,
            context.store.clone(),
        ),
        http: startup::http_client(settings)?,
        context,
    };
    let apps = desk.context.store.list_oauth_apps(desk.account.id).await?;
    let (mut imported, mut renewed, mut failed) = (0, 0, 0);
    let entries = serde_json::Deserializer::from_reader(open(&command.file)?).into_iter::<Value>();
    for (number, entry) in entries.enumerate() {
        // What is no JSON has no next entry.
        let entry = entry.with_context(|| format!("entry {}", number + 1))?;
        match desk.import(&command, &apps, entry).await {
            Ok(ImportedCredential { is_new: true, .. }) => imported += 1,
            Ok(_) => renewed += 1,
            Err(error) => {
                eprintln!("keyway: entry {}: {error:#}", number + 1);
                failed += 1;
            }
        }
    }
    output.result(
        &json!({"imported": imported, "renewed": renewed, "failed": failed}),
        format_args!("{imported} imported, {renewed} renewed, {failed} failed."),
    )?;
    if failed > 0 {
        bail!("{failed} entries were not imported");
    }
    Ok(())
}

fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| file.display().to_string())?;
    Ok(Box::new(BufReader::new(opened)))
}

/// What an import needs.
struct Desk {
    context: Context,
    account: Account,
    ring: keyway_vault::KeyRing,
    catalogue: keyway_catalogue::Providers,
    http: keyway_providers::http::HttpClient,
}

impl Desk {
    async fn import(
        &self,
        command: &Import,
        apps: &[OauthApp],
        entry: Value,
    ) -> anyhow::Result<ImportedCredential> {
        let now = self.context.now();
        let importer = Importer {
            store: &self.context.store,
            ring: &self.ring,
            catalogue: &self.catalogue,
            random: self.context.random.as_ref(),
        };
        let account = self.account.id;
        let given = command.apps.oauth_app;
        if let (Format::Nango, Some(app)) = (command.format, given) {
            let connection: Connection = read(entry)?;
            let import =
                importer.import_nango(&self.http, account, app, &connection, Actor::Operator, now);
            return Ok(import.await?);
        }
        let line: Line = read(entry)?;
        let app = match (given, &line.oauth_app) {
            (Some(app), _) => app,
            (None, Some(named)) => find(apps, named)?,
            (None, None) => bail!("it names no OAuth app: give --oauth-app"),
        };
        let incoming = Incoming {
            name: line.name,
            properties: line.properties,
            metadata: line.metadata,
            end_user: line.end_user,
        };
        let import = importer.import(account, app, incoming, Actor::Operator, now);
        Ok(import.await?)
    }
}

/// What serde says may quote the entry, and the entry holds secrets.
fn read<T: serde::de::DeserializeOwned>(entry: Value) -> anyhow::Result<T> {
    serde_json::from_value(entry)
        .map_err(|_| anyhow::anyhow!("it does not have the fields and types of this format"))
}

fn find(apps: &[OauthApp], named: &ExportedApp) -> anyhow::Result<OauthAppId> {
    let found = apps
        .iter()
        .find(|app| app.provider == named.provider && app.client_id == named.client_id);
    let found = found.with_context(|| {
        format!(
            "the account has no app of {} with the client id {:?}",
            named.provider, named.client_id
        )
    })?;
    Ok(found.id)
}
