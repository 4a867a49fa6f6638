//! `keyway config`.

use clap::Subcommand;
use keyway_web::{
    Settings,
    config::{KEYS, environment_name},
};
use serde_json::{Map, Value, json};

use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Config {
    /// Show the settings in effect; secrets are not shown.
    Show,
    /// Print the reference of all settings in Markdown.
    Reference,
}

pub(crate) fn show(settings: &Settings, output: Output) -> anyhow::Result<()> {
    let members: Map<String, Value> = settings
        .shown()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    let lines: Vec<String> = settings
        .shown()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    output.result(&Value::Object(members), lines.join("\n"))
}

pub(crate) fn reference(output: Output) -> anyhow::Result<()> {
    let json: Vec<Value> = KEYS
        .iter()
        .map(|key| {
            json!({
                "key": environment_name(key.name),
                "default": key.default,
                "programs": key.programs,
                "purpose": key.purpose,
            })
        })
        .collect();
    let rows: Vec<String> = KEYS
        .iter()
        .map(|key| {
            let default = if key.default.is_empty() {
                String::new()
            } else {
                format!("`{}`", key.default)
            };
            format!(
                "| `{}` | {default} | {} | {} |",
                environment_name(key.name),
                key.programs,
                key.purpose
            )
        })
        .collect();
    let table = format!(
        "| key | default | read by | what it does |\n|---|---|---|---|\n{}",
        rows.join("\n")
    );
    output.result(&Value::Array(json), table)
}
