//! `keyway oauth-apps`.

use anyhow::Context as _;
use clap::Subcommand;
use keyway_domain::{
    SecretString, audit::Actor, ids::OauthAppId, oauth_app, provider::ProviderSlug, scope::Scopes,
    sealed::Place,
};
use keyway_gateway::startup;
use keyway_store::{Conflict, NewOauthApp, OauthApp, StoreError};
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{context::Context, input, output::Output};

#[derive(Subcommand)]
pub(crate) enum OauthApps {
    /// Register a client that you made at a provider.
    Create {
        /// Short name of the account.
        #[arg(long)]
        account: String,
        /// Slug of the provider; `keyway providers list` shows them.
        #[arg(long)]
        provider: ProviderSlug,
        /// Name for people.
        #[arg(long, value_parser = oauth_app::name)]
        name: String,
        /// The provider's client id.
        #[arg(long, value_parser = oauth_app::client_id)]
        client_id: String,
        /// Read the provider's client secret from standard input instead of asking for it.
        #[arg(long)]
        client_secret_stdin: bool,
        /// Scopes to ask for, with spaces; the catalogue's default if not given.
        #[arg(long)]
        scopes: Option<String>,
    },
    /// List the account's apps.
    List {
        /// Short name of the account.
        #[arg(long)]
        account: String,
    },
}

pub(crate) async fn run(
    command: OauthApps,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let context = Context::open(settings).await?;
    match command {
        OauthApps::Create {
            account,
            provider,
            name,
            client_id,
            client_secret_stdin,
            scopes,
        } => {
            let catalogue = startup::read_catalogue(settings)?;
            let found = catalogue.find(&provider).with_context(|| {
                format!("there is no provider {provider}; `keyway providers list` shows all")
            })?;
            let separator = found.definition.scope_separator();
            let scopes = scopes.map(|typed| oauth_app::scopes(&typed, separator));
            let new = NewApp {
                provider,
                name,
                client_id,
                client_secret: input::client_secret(client_secret_stdin)?,
                scopes: scopes.transpose()?.flatten(),
            };
            let account = context.account(&account).await?;
            let id = create(&context, settings, &account, new).await?;
            let app = context
                .store
                .find_oauth_app(account.id, id)
                .await?
                .context("the app is gone")?;
            let callback = callback_url(settings, &app.provider)?;
            output.result(
                &shown(&app, &callback),
                format_args!("{} is registered.\nKeyway ID: {id}\nCallback URL to enter at the provider: {callback}", app.name),
            )?;
        }
        OauthApps::List { account } => {
            let account = context.account(&account).await?;
            let apps = context.store.list_oauth_apps(account.id).await?;
            let rows: Vec<Value> = apps
                .iter()
                .map(|app| Ok(shown(app, &callback_url(settings, &app.provider)?)))
                .collect::<anyhow::Result<_>>()?;
            output.list(&rows, &["id", "provider", "name", "client_id"])?;
        }
    }
    Ok(())
}

/// An app to register.
pub(crate) struct NewApp {
    pub(crate) provider: ProviderSlug,
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) scopes: Option<Scopes>,
}

/// Seals the secret and stores the app.
pub(crate) async fn create(
    context: &Context,
    settings: &Settings,
    account: &keyway_domain::account::Account,
    new: NewApp,
) -> anyhow::Result<OauthAppId> {
    let ring = context.key_ring(settings).await?;
    let now = context.now();
    let id = OauthAppId::generate(now, context.random.as_ref());
    let place = Place::oauth_app_client_secret(id, account.id);
    let app = NewOauthApp {
        id,
        account_id: account.id,
        provider: new.provider,
        name: new.name,
        client_id: new.client_id,
        sealed_client_secret: ring.seal(&place, &new.client_secret, context.random.as_ref())?,
        scopes: new.scopes,
        created_at: now,
        metadata: serde_json::Map::new(),
    };
    match context.store.insert_oauth_app(&app, Actor::Operator).await {
        Err(StoreError::Conflict(Conflict::Exists)) => {
            anyhow::bail!(
                "the account has registered this client id of {} already",
                app.provider
            )
        }
        other => other?,
    }
    Ok(id)
}

fn callback_url(settings: &Settings, provider: &ProviderSlug) -> anyhow::Result<String> {
    Ok(settings
        .public_url()?
        .join(&format!("/link/oauth2/callback/{provider}")))
}

fn shown(app: &OauthApp, callback: &str) -> Value {
    json!({
        "id": app.id,
        "provider": app.provider,
        "name": app.name,
        "client_id": app.client_id,
        "client_secret": keyway_domain::credential::MASK,
        "scopes": app.scopes,
        "callback_url": callback,
        "created_at": app.created_at,
        "updated_at": app.updated_at,
    })
}
