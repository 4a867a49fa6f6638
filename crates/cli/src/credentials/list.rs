//! `keyway credentials list`.

use clap::Args;
use keyway_domain::ids::CredentialId;
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{context::Context, output::Output};

#[derive(Args)]
pub(crate) struct List {
    /// Short name of the account.
    #[arg(long)]
    account: String,
    /// How many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Go on after this one.
    #[arg(long, value_name = "ID")]
    after: Option<CredentialId>,
}

pub(crate) async fn run(command: List, settings: &Settings, output: Output) -> anyhow::Result<()> {
    let List {
        account,
        limit,
        after,
    } = command;
    let context = Context::open(settings).await?;
    let account = context.account(&account).await?;
    let credentials = context
        .store
        .list_credentials(
            account.id,
            &keyway_store::CredentialFilter::default(),
            after,
            limit,
        )
        .await?;
    let rows: Vec<Value> = credentials
        .iter()
        .map(|credential| {
            json!({
                "id": credential.id,
                "provider": credential.provider,
                "kind": credential.kind,
                "oauth_app_id": credential.oauth_app_id,
                "external_id": credential.external.id,
                "name": credential.external.label,
                "properties": credential.public,
                "created_at": credential.created_at,
                "updated_at": credential.updated_at,
            })
        })
        .collect();
    output.list(
        &rows,
        &["id", "provider", "external_id", "name", "updated_at"],
    )
}
