//! What lists take, by their size.

use super::{
    Report,
    table::{millis, table},
};
use crate::lists::QUERIES;

impl Report<'_> {
    pub(super) fn lists(&self) -> String {
        let heads: Vec<String> = self
            .lists
            .iter()
            .map(|list| list.size.to_string())
            .collect();
        let heads: Vec<&str> = [""]
            .into_iter()
            .chain(heads.iter().map(String::as_str))
            .collect();
        let rows: Vec<Vec<String>> = QUERIES
            .iter()
            .enumerate()
            .map(|(number, (name, _))| {
                let cells = self.lists.iter().map(|list| {
                    let latency = list.latencies.get(number).copied().unwrap_or_default();
                    format!("{:.2} / {:.2}", millis(latency.p50), millis(latency.p99))
                });
                [(*name).to_owned()].into_iter().chain(cells).collect()
            })
            .collect();
        table(&heads, &rows)
    }
}
