//! The tables: for the terminal as they are, for docs/PERFORMANCE.md between two marks.

mod limits;
mod lists;
mod rates;
mod ratios;
mod summary;
mod table;

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;

use crate::{
    footprint::Footprint,
    lists::List,
    rounds::Results,
    row::Row,
    sample::{Sample, Spread},
};

/// Between these the file holds what a run wrote.
const BEGIN: &str = "<!-- written by `just bench --markdown` -->\n";
const END: &str = "<!-- end -->\n";

/// Everything that is told.
pub(crate) struct Report<'a> {
    /// Date, machine, versions, load.
    pub(crate) heading: Vec<String>,
    pub(crate) results: &'a Results,
    pub(crate) footprint: &'a Footprint,
    pub(crate) lists: &'a [List],
}

impl Report<'_> {
    /// All tables.
    pub(crate) fn tables(&self) -> String {
        let mut out = String::new();
        for line in &self.heading {
            let _ = writeln!(out, "{line}  ");
        }
        let sections = [
            (
                "Summary",
                "Medians of the rounds. *Of the floor* is the median of the ratios of each round.",
                self.summary(),
            ),
            (
                "All ratios",
                "Median of the ratios of each round, and the smallest and largest of them.",
                self.ratios(),
            ),
            ("Other gates", "", self.limits()),
            (
                "Lists",
                "`GET /v1/credentials` by one client, p50 / p99 in milliseconds, by how many credentials the account has.",
                self.lists(),
            ),
            (
                "All rows",
                "Operations per second, p50 / p99 in milliseconds, and in brackets processor time per operation in microseconds: of the service, of Postgres. Medians of the rounds.",
                self.rates(),
            ),
        ];
        for (title, words, table) in sections {
            let words = if words.is_empty() {
                String::new()
            } else {
                format!("{words}\n\n")
            };
            let _ = write!(out, "\n### {title}\n\n{words}{table}");
        }
        out
    }

    /// Puts the tables into a file, between the marks if it has them.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let known = fs::read_to_string(path).unwrap_or_else(|_| format!("{BEGIN}{END}"));
        let (head, rest) = known
            .split_once(BEGIN)
            .context("the file lacks the marks")?;
        let (_, tail) = rest
            .split_once(END)
            .context("the file lacks the second mark")?;
        let text = format!("{head}{BEGIN}\n{}\n{END}{tail}", self.tables());
        fs::write(path, text).with_context(|| path.display().to_string())
    }

    fn samples(&self, row: Row, clients: usize) -> &[Sample] {
        let samples = self.results.samples.get(&(row, clients));
        samples.map_or(&[], Vec::as_slice)
    }

    /// Of each round, the rate of one row by that of another.
    fn ratio(&self, of: Row, to: Row, clients: usize) -> Option<Spread> {
        let of = self.samples(of, clients).iter();
        let pairs = of.zip(self.samples(to, clients));
        Spread::of(pairs.map(|(of, to)| of.rate / to.rate))
    }
}
