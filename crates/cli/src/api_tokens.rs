//! `keyway api-tokens`.

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    ids::ApiTokenId,
    oauth_app,
    opaque::OpaqueToken as _,
};
use keyway_store::{IssuedApiToken, NewApiToken};
use keyway_vault::digest;
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{context::Context, output::Output};

#[derive(Subcommand)]
pub(crate) enum ApiTokens {
    /// Make a token for the management API. It is shown once.
    Create(Create),
    /// List the account's tokens, newest first; the tokens themselves are never shown again.
    List {
        /// Short name of the account.
        #[arg(long)]
        account: String,
    },
    /// Revoke a token: it is refused from now on.
    Revoke {
        /// Short name of the account.
        #[arg(long)]
        account: String,
        /// Its id.
        id: ApiTokenId,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Short name of the account.
    #[arg(long)]
    account: String,
    /// What it is for.
    #[arg(long, value_parser = oauth_app::name)]
    name: String,
    /// What it may do, separated by commas, such as credentials:read,credentials:token.
    #[arg(long)]
    scopes: String,
    /// Days until it ends; never if not given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in: Option<u16>,
}

pub(crate) async fn run(
    command: ApiTokens,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        ApiTokens::Create(new) => create(new, settings, output).await,
        ApiTokens::List { account } => {
            let context = Context::open(settings).await?;
            let account = context.account(&account).await?;
            let tokens = context.store.list_api_tokens(account.id).await?;
            let rows: Vec<Value> = tokens.iter().map(shown).collect();
            output.list(
                &rows,
                &["id", "name", "scopes", "expires_at", "last_used_at"],
            )
        }
        ApiTokens::Revoke { account, id } => {
            let context = Context::open(settings).await?;
            let account = context.account(&account).await?;
            if !context
                .store
                .delete_api_token(account.id, id, Actor::Operator, context.now())
                .await?
            {
                anyhow::bail!("the account has no API token {id}");
            }
            output.result(&json!({"id": id, "revoked": true}), "Revoked.")
        }
    }
}

async fn create(new: Create, settings: &Settings, output: Output) -> anyhow::Result<()> {
    let scopes = ApiScope::parse_list(&new.scopes)?;
    if scopes.is_empty() {
        anyhow::bail!(
            "give the token at least one scope; known: {}",
            ApiScope::ALL.join(", ")
        );
    }
    let context = Context::open(settings).await?;
    let account = context.account(&new.account).await?;
    let now = context.now();
    let token = ApiToken::generate(context.random.as_ref());
    let new = NewApiToken {
        id: ApiTokenId::generate(now, context.random.as_ref()),
        account_id: account.id,
        name: new.name,
        digest: digest::unkeyed(&token),
        scopes,
        created_at: now,
        expires_at: new
            .expires_in
            .map(|days| now + TimeDelta::days(days.into())),
    };
    context
        .store
        .insert_api_token(&new, Actor::Operator)
        .await?;
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    let secret = token.secret().expose();
    output.result(
        &json!({
            "id": new.id,
            "name": new.name,
            "scopes": scopes,
            "expires_at": new.expires_at,
            "token": secret,
        }),
        format_args!("{secret}\n\nThis is the only time that you see it."),
    )
}

fn shown(token: &IssuedApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}
