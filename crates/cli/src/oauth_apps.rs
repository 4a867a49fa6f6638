//! `keyway oauth-apps`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Subcommand;
use keyway_catalogue::Providers;
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
        /// The provider's client id. Not for providers where keys are entered: Keyway makes one.
        #[arg(long, value_parser = oauth_app::client_id)]
        client_id: Option<String>,
        /// Read the provider's client secret from standard input instead of asking for it.
        #[arg(long)]
        client_secret_stdin: bool,
        /// Scopes to ask for, with spaces; the catalogue's default if not given.
        #[arg(long)]
        scopes: Option<String>,
        /// A variable that is the admin's to set, such as the host of a self-hosted product.
        #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
        variables: Vec<(String, String)>,
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
            variables,
        } => {
            let account = context.account(&account).await?;
            let providers =
                Providers::new(startup::read_catalogue(settings)?, context.store.clone());
            let found = providers.find(account.id, &provider).await?;
            let found = found.with_context(|| {
                format!("there is no provider {provider}; `keyway providers list` shows all")
            })?;
            let separator = found.definition.scope_separator();
            let scopes = scopes.map(|typed| oauth_app::scopes(&typed, separator));
            let is_own = found.definition.auth.is_entered() && client_id.is_none();
            let (client_id, client_secret) = if is_own {
                oauth_app::own_client(&provider, context.random.as_ref())
            } else {
                let id = client_id.context("--client-id is missing")?;
                (id, input::client_secret(client_secret_stdin)?)
            };
            let new = NewApp {
                variables: found
                    .definition
                    .check_admins(&variables.into_iter().collect())?,
                provider,
                name,
                client_id,
                client_secret: client_secret.clone(),
                scopes: scopes.transpose()?.flatten(),
            };
            let id = create(&context, settings, &account, new).await?;
            let app = context
                .store
                .find_oauth_app(account.id, id)
                .await?
                .context("the app is gone")?;
            let callback = callback_url(settings, &app.provider)?;
            let mut result = shown(&app, &callback);
            if is_own {
                let secret = client_secret.expose();
                if let Some(members) = result.as_object_mut() {
                    members.insert("client_secret".into(), json!(secret));
                }
                output.result(
                    &result,
                    format_args!("{} is registered.\nKeyway ID: {id}\nClient secret, shown this once: {secret}", app.name),
                )?;
            } else {
                output.result(
                    &result,
                    format_args!("{} is registered.\nKeyway ID: {id}\nCallback URL to enter at the provider: {callback}", app.name),
                )?;
            }
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
    pub(crate) variables: BTreeMap<String, String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
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
        variables: new.variables,
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

/// Where the provider sends the browser back to.
pub(crate) fn callback_url(settings: &Settings, provider: &ProviderSlug) -> anyhow::Result<String> {
    Ok(settings
        .public_url()?
        .join(&format!("/link/oauth2/callback/{provider}")))
}

/// What is shown of an app.
pub(crate) fn shown(app: &OauthApp, callback: &str) -> Value {
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
