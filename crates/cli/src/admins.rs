//! `keyway admins`.

use clap::Subcommand;
use keyway_domain::{
    SecretString,
    account::{self, Admin, Email},
    audit::Actor,
    ids::{AccountId, AdminId},
};
use keyway_store::{Conflict, NewAccount, NewAdmin, StoreError};
use keyway_vault::PasswordHasher;
use keyway_web::Settings;
use serde_json::json;

use crate::{context::Context, input, output::Output};

#[derive(Subcommand)]
pub(crate) enum Admins {
    /// Make an admin, and their account if it is new.
    Create {
        /// Name of the account, such as "Acme".
        #[arg(long)]
        account: String,
        /// Address to sign in with.
        #[arg(long)]
        email: String,
        /// Read the password from standard input instead of asking for it.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print the one-time link with which the first admin sets up their account in the browser.
    SetupLink,
}

pub(crate) async fn run(
    command: Admins,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    let context = Context::open(settings).await?;
    match command {
        Admins::Create {
            account,
            email,
            password_stdin,
        } => {
            let email = Email::parse(&email)?;
            account::slug(&account)?;
            let password = input::secret("password", "--password-stdin", password_stdin)?;
            let admin = create(&context, &account, email, password).await?;
            let account = &admin.account;
            output.result(
                &json!({
                    "id": admin.id,
                    "email": admin.email,
                    "account": {"id": account.id, "slug": account.slug, "name": account.name},
                }),
                format_args!(
                    "{} can sign in at {}",
                    admin.email,
                    settings.console_url()?.as_str()
                ),
            )?;
        }
        Admins::SetupLink => {
            let (random, clock) = (context.random.as_ref(), context.store.clock());
            let base = settings.console_url()?;
            let link = keyway_console::setup_link(&context.store, random, &clock, &base).await?;
            let Some(link) = link else {
                anyhow::bail!(
                    "somebody can sign in already; `keyway admins create` adds another admin"
                );
            };
            let link = link.expose();
            output.result(&json!({"url": link}), link)?;
        }
    }
    Ok(())
}

/// Stores an admin.
pub(crate) async fn create(
    context: &Context,
    account: &str,
    email: Email,
    password: SecretString,
) -> anyhow::Result<Admin> {
    account::check_new_password(password.expose())?;
    let now = context.now();
    let random = context.random.as_ref();
    let password_hash = PasswordHasher::new(random)?.hash(password, random).await?;
    let account = NewAccount {
        id: AccountId::generate(now, random),
        slug: account::slug(account)?,
        name: account.trim().to_owned(),
        created_at: now,
    };
    let admin = NewAdmin {
        id: AdminId::generate(now, random),
        email,
        password_hash,
        created_at: now,
    };
    match context
        .store
        .insert_admin(&account, &admin, Actor::Operator)
        .await
    {
        Err(StoreError::Conflict(Conflict::Exists)) => {
            anyhow::bail!("{} can sign in already", admin.email.as_str())
        }
        other => Ok(other?),
    }
}
