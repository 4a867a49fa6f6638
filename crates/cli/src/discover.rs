//! `keyway providers discover`.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use keyway_domain::{
    Clock as _, account::Account, clock::SystemClock, oauth_app, provider::ProviderSlug,
};
use keyway_gateway::startup;
use keyway_providers::{
    Catalogue,
    discover::{Discovered, Method, Registration, Wishes, discover},
    http::HttpClient,
};
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{
    context::Context,
    oauth_apps::{self, NewApp},
    output::Output,
};

#[derive(Args)]
pub(crate) struct Discover {
    /// The issuer, or a resource such as an MCP server, exactly as its owner writes it.
    url: String,
    /// Short name of the provider; that of the file, or made from the URL, if not given.
    #[arg(long)]
    slug: Option<ProviderSlug>,
    /// How the client proves itself, by its registered name.
    #[arg(
        long,
        value_name = "METHOD",
        long_help = "How the client proves itself; if not given, the first that is offered of client_secret_basic, client_secret_post, private_key_jwt, none (for a resource, client_secret_post comes first)"
    )]
    client_authentication: Option<Method>,
    /// Bind tokens to keys (RFC 9449).
    #[arg(long)]
    dpop: bool,
    /// Where the definition goes, such as tools.toml in the directory of your own definitions. No file
    /// is overwritten.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Register a client at the server (RFC 7591), and here as an OAuth app.
    #[arg(long, requires_all = ["account", "name", "out"])]
    register: bool,
    /// Short name of the account whose app it is.
    #[arg(long, requires = "register")]
    account: Option<String>,
    /// Name of the app, for people.
    #[arg(long, requires = "register", value_parser = oauth_app::name)]
    name: Option<String>,
    /// Where the app's secret goes besides, for your backend; only you will be able to read it, and no
    /// file is overwritten. Keyway never shows it.
    #[arg(long, requires = "register", value_name = "FILE")]
    client_secret_out: Option<PathBuf>,
}

impl Discover {
    /// The slug that was asked for, which is that of the file.
    fn slug(&self) -> anyhow::Result<Option<ProviderSlug>> {
        let Some(out) = &self.out else {
            return Ok(self.slug.clone());
        };
        let stem = out.file_stem().and_then(|stem| stem.to_str());
        let is_toml = out.extension().is_some_and(|ending| ending == "toml");
        let named = stem.filter(|_| is_toml).map(ProviderSlug::parse);
        let named = named.context("--out: write a file <slug>.toml")?;
        let named = named.with_context(|| out.display().to_string())?;
        match &self.slug {
            Some(slug) if *slug != named => {
                anyhow::bail!("--out: the file of {slug} is {slug}.toml")
            }
            _ => Ok(Some(named)),
        }
    }
}

pub(crate) async fn run(
    command: Discover,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let wishes = Wishes {
        slug: command.slug()?,
        client_authentication: command.client_authentication,
        dpop: command.dpop,
        checked: SystemClock.now().date_naive(),
    };
    let http = startup::http_client(settings)?;
    let found = discover(&http, &command.url, &wishes).await?;
    if Catalogue::shipped()?.find(&found.slug).is_some() {
        anyhow::bail!(
            "{} ships with Keyway, and your file would take its place: choose another --slug",
            found.slug
        );
    }
    let mut result = json!({
        "slug": found.slug,
        "issuer": found.issuer,
        "resource": found.resource,
        "client_authentication": found.client_authentication.as_str(),
        "default_scopes": found.scopes,
        "registration_endpoint": found.registration_endpoint,
        "definition": found.text,
    });
    let Some(out) = &command.out else {
        return output.result(&result, found.text.trim_end());
    };
    let mut file = new(out, 0o644)?;
    let app = register(&command, settings, &http, &found).await;
    let text = match &app {
        Ok(Some((_, fitting))) => &fitting.text,
        _ => &found.text,
    };
    let written = file.write_all(text.as_bytes());
    if app.is_err() || written.is_err() {
        // So that the same words may be tried again.
        remove(out)?;
    }
    let app = app?;
    written.with_context(|| out.display().to_string())?;
    let mut words = format!("The definition of {} is in {}.", found.slug, out.display());
    if let Some((app, fitting)) = app {
        words.push_str("\nThe client registered itself, and is an OAuth app: ");
        words.push_str(app.get("id").and_then(Value::as_str).unwrap_or_default());
        if let Some(members) = result.as_object_mut() {
            let method = fitting.client_authentication.as_str();
            members.insert("client_authentication".into(), method.into());
            members.insert("definition".into(), fitting.text.into());
            members.insert("oauth_app".into(), app);
        }
    }
    output.result(&result, words)
}

/// Registers a client, if that was asked for: what is shown of the app, and the definition that fits.
async fn register(
    command: &Discover,
    settings: &Settings,
    http: &HttpClient,
    found: &Discovered,
) -> anyhow::Result<Option<(Value, Discovered)>> {
    let Some(registering) = Registering::prepare(command, settings).await? else {
        return Ok(None);
    };
    let registered = registering.register(http, settings, found).await;
    if let (Err(_), Some(path)) = (&registered, &command.client_secret_out) {
        remove(path)?;
    }
    registered.map(Some)
}

/// What a registration needs, made sure of before the server is asked.
struct Registering {
    context: Context,
    account: Account,
    name: String,
    secret: Option<(PathBuf, File)>,
}

impl Registering {
    async fn prepare(command: &Discover, settings: &Settings) -> anyhow::Result<Option<Self>> {
        let (Some(account), Some(name), true) = (&command.account, &command.name, command.register)
        else {
            return Ok(None);
        };
        let context = Context::open(settings).await?;
        context.key_ring(settings).await?;
        let account = context.account(account).await?;
        let secret = match &command.client_secret_out {
            Some(path) => Some((path.clone(), new(path, 0o600)?)),
            None => None,
        };
        Ok(Some(Self {
            context,
            account,
            name: name.clone(),
            secret,
        }))
    }

    /// Registers the client there, and then here.
    async fn register(
        self,
        http: &HttpClient,
        settings: &Settings,
        found: &Discovered,
    ) -> anyhow::Result<(Value, Discovered)> {
        let callback = oauth_apps::callback_url(settings, &found.slug)?;
        let asked = Registration {
            name: &self.name,
            redirect_uri: &callback,
        };
        let random = Arc::clone(&self.context.random);
        let client = found.register(http, asked, random.as_ref()).await?;
        let app = NewApp {
            provider: found.slug.clone(),
            name: self.name,
            client_id: client.client_id.clone(),
            client_secret: client.client_secret.clone(),
            scopes: None,
            variables: std::collections::BTreeMap::new(),
        };
        let created = oauth_apps::create(&self.context, settings, &self.account, app).await;
        let id = created.with_context(|| {
            format!(
                "the server registered the client {}, and Keyway could not",
                client.client_id
            )
        })?;
        if let Some((path, mut file)) = self.secret {
            let written = file.write_all(client.client_secret.expose().as_bytes());
            let written = written.and_then(|()| file.sync_all());
            written.with_context(|| path.display().to_string())?;
        }
        let app = self.context.store.find_oauth_app(self.account.id, id);
        let app = app.await?.context("the app is gone")?;
        Ok((oauth_apps::shown(&app, &callback), client.discovered))
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    std::fs::remove_file(path).with_context(|| path.display().to_string())
}

fn new(path: &Path, mode: u32) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(mode);
    options
        .open(path)
        .with_context(|| path.display().to_string())
}
