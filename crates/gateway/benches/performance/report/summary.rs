//! The table for who reads only one: each operation beside its floor.

use super::{
    Report,
    ratios::{Demand, EXCHANGE, FLOW, READ, REFRESH, START},
    table::{latency, median, millis, table, verdict},
};
use crate::row::Row;

/// An operation, what it is called, and what it is held against.
const OPERATIONS: [(&str, &str, Demand); 5] = [
    ("A: token exchange", "bare service, 3 round trips", EXCHANGE),
    ("C: start", "pgbench, 1 statement", START),
    ("C+D: start and callback", "bare service", FLOW),
    ("B: read of a fresh token", "bare service, 1 query", READ),
    ("E: background refresh", "bare worker", REFRESH),
];

impl Report<'_> {
    pub(super) fn summary(&self) -> String {
        let mut rows = Vec::new();
        for (name, floor, demand) in &OPERATIONS {
            let Demand { goal, .. } = demand;
            for (clients, wanted) in [(8, goal.at_8), (32, goal.at_32)] {
                let Some(ratio) = self.ratio(demand.of, demand.to, clients) else {
                    continue;
                };
                let bound = |bound: f64| verdict(&format!("≥ {bound}"), ratio.median >= bound);
                let named = vec![(*name).to_owned(), clients.to_string()];
                let judged = vec![
                    (*floor).to_owned(),
                    format!("{:.2}", ratio.median),
                    bound(demand.gate),
                    bound(wanted),
                ];
                rows.push([named, self.figures(demand.of, clients), judged].concat());
            }
        }
        table(
            &[
                "",
                "clients",
                "per second",
                "p50 ms",
                "p99 ms",
                "floor",
                "of the floor",
                "gate",
                "goal",
            ],
            &rows,
        )
    }

    fn figures(&self, row: Row, clients: usize) -> Vec<String> {
        let samples = self.samples(row, clients);
        let rate = median(samples, |sample| Some(sample.rate));
        let p50 = median(samples, |sample| Some(millis(sample.latency.p50)));
        let p99 = median(samples, |sample| Some(millis(sample.latency.p99)));
        vec![
            format!("{:.0}", rate.unwrap_or_default()),
            latency(p50),
            latency(p99),
        ]
    }
}
