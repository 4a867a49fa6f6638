//! `keyway providers`.

use std::path::PathBuf;

use clap::Subcommand;
use keyway_gateway::startup;
use keyway_providers::{Catalogue, Provider};
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::output::{self, Output};

#[derive(Subcommand)]
pub(crate) enum Providers {
    /// List the catalogue, your own definitions among it.
    List {
        /// As a Markdown table.
        #[arg(long)]
        markdown: bool,
    },
    /// Check definitions: the shipped ones, or the files of a directory.
    Lint {
        /// Directory of `<slug>.toml` files.
        directory: Option<PathBuf>,
    },
}

pub(crate) fn run(command: &Providers, settings: &Settings, output: Output) -> anyhow::Result<()> {
    match command {
        Providers::List { markdown: true } => {
            output::print(table(&startup::read_catalogue(settings)?))?;
        }
        Providers::List { markdown: false } => {
            let catalogue = startup::read_catalogue(settings)?;
            let rows: Vec<Value> = catalogue.iter().map(shown).collect();
            output.list(&rows, &["slug", "name", "kind", "certainty", "category"])?;
        }
        Providers::Lint { directory } => {
            // To read is to lint: a catalogue holds good definitions only.
            let catalogue = match directory {
                Some(directory) => {
                    let mut own = Catalogue::default();
                    own.add_directory(directory)?;
                    own
                }
                None => Catalogue::shipped()?,
            };
            let count = catalogue.iter().count();
            output.result(
                &json!({"definitions": count, "findings": []}),
                format_args!("{count} definitions, nothing to mend."),
            )?;
        }
    }
    Ok(())
}

fn table(catalogue: &Catalogue) -> String {
    let rows = catalogue.iter().map(|provider| {
        let definition = &provider.definition;
        let variables: Vec<String> = definition
            .variables
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        format!(
            "| [{}]({}) | `{}` | {} | {} | {} | {} |",
            definition.name,
            definition.documentation,
            provider.slug,
            definition.auth.as_str(),
            variables.join(", "),
            definition.certainty.as_str(),
            definition.checked
        )
    });
    let head =
        "| provider | slug | auth | variables | certainty | checked |\n|---|---|---|---|---|---|"
            .to_owned();
    std::iter::once(head)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

fn shown(provider: &Provider) -> Value {
    let definition = &provider.definition;
    let variables: Vec<&String> = definition.variables.keys().collect();
    json!({
        "slug": provider.slug,
        "name": definition.name,
        "category": definition.category,
        "family": provider.family,
        "auth_mode": definition.auth.as_str(),
        "kind": definition.credential.kind,
        "certainty": definition.certainty.as_str(),
        "documentation": definition.documentation,
        "checked": definition.checked,
        "default_scopes": definition.default_scopes().as_slice(),
        "variables": variables,
        "authorize_url": definition.authorize.as_ref().map(|authorize| authorize.url.to_string()),
        "token_url": definition.token.as_ref().map(|token| token.url.to_string()),
    })
}
