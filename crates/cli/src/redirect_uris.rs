//! `keyway redirect-uris`.

use clap::Subcommand;
use keyway_domain::{audit::Actor, ids::RedirectUriId, redirect_uri::RedirectUriTemplate};
use keyway_store::{Conflict, RegisteredUri, StoreError};
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{context::Context, output::Output};

#[derive(Subcommand)]
pub(crate) enum RedirectUris {
    /// Register an address at which flows may end; `:provider` in path or query stands for the provider's slug.
    Add {
        /// Short name of the account.
        #[arg(long)]
        account: String,
        /// Such as `https://example.com/oauth2/callback/:provider`.
        uri: String,
    },
    /// List the account's redirect URIs.
    List {
        /// Short name of the account.
        #[arg(long)]
        account: String,
    },
    /// Remove one.
    Remove {
        /// Short name of the account.
        #[arg(long)]
        account: String,
        /// Its id.
        id: RedirectUriId,
    },
}

pub(crate) async fn run(
    command: RedirectUris,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let context = Context::open(settings).await?;
    match command {
        RedirectUris::Add { account, uri } => {
            let uri = RedirectUriTemplate::parse(&uri)?;
            let account = context.account(&account).await?;
            let added = add(&context, &account, uri).await?;
            output.result(
                &shown(&added),
                format_args!("{} is registered.", added.uri.as_str()),
            )?;
        }
        RedirectUris::List { account } => {
            let account = context.account(&account).await?;
            let uris = context.store.list_redirect_uris(account.id).await?;
            let rows: Vec<Value> = uris.iter().map(shown).collect();
            output.list(&rows, &["id", "uri"])?;
        }
        RedirectUris::Remove { account, id } => {
            let account = context.account(&account).await?;
            if !context
                .store
                .delete_redirect_uri(account.id, id, Actor::Operator, context.now())
                .await?
            {
                anyhow::bail!("the account has no redirect URI {id}");
            }
            output.result(&json!({"id": id, "deleted": true}), "Removed.")?;
        }
    }
    Ok(())
}

/// Registers a redirect URI.
pub(crate) async fn add(
    context: &Context,
    account: &keyway_domain::account::Account,
    uri: RedirectUriTemplate,
) -> anyhow::Result<RegisteredUri> {
    let now = context.now();
    let new = RegisteredUri {
        id: RedirectUriId::generate(now, context.random.as_ref()),
        uri,
        created_at: now,
    };
    match context
        .store
        .insert_redirect_uri(account.id, &new, Actor::Operator)
        .await
    {
        Err(StoreError::Conflict(Conflict::Exists)) => {
            anyhow::bail!("{} is registered already", new.uri.as_str())
        }
        other => other?,
    }
    Ok(new)
}

fn shown(uri: &RegisteredUri) -> Value {
    json!({"id": uri.id, "uri": uri.uri.as_str(), "created_at": uri.created_at})
}
