//! `keyway providers`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use keyway_domain::provider::ProviderSlug;
use keyway_gateway::startup;
use keyway_providers::{Catalogue, Provider};
use keyway_web::Settings;
use serde_json::{Value, json};

use crate::{
    discover::{self, Discover},
    output::{self, Output},
};

#[derive(Subcommand)]
pub(crate) enum Providers {
    /// List the catalogue, the operator's own definitions among it.
    List {
        /// As a Markdown table.
        #[arg(long)]
        markdown: bool,
    },
    /// Show a provider of the catalogue.
    Show {
        /// Its slug.
        slug: ProviderSlug,
    },
    /// The catalogue as a Markdown table: the same as `list --markdown`.
    Table,
    /// Check definitions: the shipped ones, a file, or the files of a directory.
    Lint {
        /// `<slug>.toml`, or a directory of such files.
        path: Option<PathBuf>,
    },
    /// Write the definition of a server from what it says of itself (RFC 8414, RFC 9728).
    Discover(Discover),
}

pub(crate) async fn run(
    command: Providers,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        Providers::Discover(command) => discover::run(command, settings, output).await?,
        Providers::List { markdown: true } | Providers::Table => {
            output::print(table(&startup::read_catalogue(settings)?))?;
        }
        Providers::List { markdown: false } => {
            let catalogue = startup::read_catalogue(settings)?;
            let rows: Vec<Value> = catalogue.iter().map(shown).collect();
            output.list(&rows, &["slug", "name", "kind", "certainty", "category"])?;
        }
        Providers::Show { slug } => {
            let catalogue = startup::read_catalogue(settings)?;
            let found = catalogue.find(&slug).with_context(|| {
                format!("there is no provider {slug}; `keyway providers list` shows all")
            })?;
            let value = shown(found);
            output.result(&value, format_args!("{}", facts(&value)))?;
        }
        Providers::Lint { path } => {
            // To read is to lint: a catalogue holds good definitions only.
            let count = match path {
                Some(path) => lint(&path)?,
                None => Catalogue::shipped()?.iter().count(),
            };
            output.result(
                &json!({"definitions": count, "findings": []}),
                format_args!("{count} definitions, nothing to mend."),
            )?;
        }
    }
    Ok(())
}

/// How many providers a file, or the files of a directory, define.
///
/// # Errors
/// All that is wrong in all of them: file, line and reason.
fn lint(path: &Path) -> anyhow::Result<usize> {
    if path.is_file() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(path).context(path.display().to_string())?;
        return match Provider::check(&name, &text) {
            Ok(providers) => Ok(providers.len()),
            Err(findings) => {
                let findings = findings.iter();
                let lines = findings.map(|finding| format!("{name}.toml: {finding}"));
                anyhow::bail!("{}", lines.collect::<Vec<_>>().join("\n"))
            }
        };
    }
    let mut own = Catalogue::default();
    own.add_directory(path)?;
    Ok(own.iter().count())
}

/// An object's members, a line each, for people.
fn facts(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let lines = members
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        });
    lines.collect::<Vec<_>>().join("\n")
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
        "variant_of": (provider.family != provider.slug).then_some(&provider.family),
        "auth": definition.auth.as_str(),
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
