//! Results, for people or for scripts.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde_json::Value;

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// One result: the JSON as it is, or the sentence.
    pub(crate) fn result(self, json: &Value, text: impl std::fmt::Display) -> anyhow::Result<()> {
        if self.json { print(json) } else { print(text) }
    }

    /// A list: JSON as an array, or a table of the given columns.
    pub(crate) fn list(self, rows: &[Value], columns: &[&str]) -> anyhow::Result<()> {
        if self.json {
            return print(Value::Array(rows.to_vec()));
        }
        let cell = |row: &Value, column: &str| match row.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => "-".to_owned(),
            Some(other) => other.to_string(),
        };
        let widths: Vec<usize> = columns
            .iter()
            .map(|column| {
                let longest = rows
                    .iter()
                    .map(|row| cell(row, column).chars().count())
                    .max();
                longest.unwrap_or_default().max(column.chars().count())
            })
            .collect();
        let line = |cells: Vec<String>| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}", width = *width));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = vec![line(columns.iter().map(ToString::to_string).collect())];
        lines.extend(rows.iter().map(|row| {
            let cells = columns.iter().map(|column| cell(row, column));
            line(cells.collect())
        }));
        print(lines.join("\n"))
    }
}

/// Writes a line to standard output. A reader that has seen enough, such as `head`, is no failure; a
/// result that nobody could read is one.
pub(crate) fn print(text: impl std::fmt::Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the result"),
    }
}
