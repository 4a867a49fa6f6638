//! Every row that was measured.

use std::time::Duration;

use super::{
    Report,
    table::{latency, median, micros, millis, table},
};
use crate::{
    row::{CLIENTS, Row},
    sample::Sample,
};

impl Report<'_> {
    pub(super) fn rates(&self) -> String {
        let mut rows = Vec::new();
        for row in Row::ALL {
            let of = |cell: fn(&[Sample]) -> String| {
                CLIENTS.map(|clients| cell(self.samples(row, clients)))
            };
            if self.samples(row, CLIENTS[0]).is_empty() {
                continue;
            }
            rows.push([vec![row.name().to_owned()], of(cell).to_vec()].concat());
            if row == Row::Flow {
                let name = "\u{2003}of it: callback (D)".to_owned();
                rows.push([vec![name], of(callback).to_vec()].concat());
            }
        }
        table(&["", "1 client", "8 clients", "32 clients"], &rows)
    }
}

/// `5731/s, 1.30 / 6.20 (75, 175)`.
fn cell(samples: &[Sample]) -> String {
    let rate = median(samples, |sample| Some(sample.rate)).unwrap_or_default();
    let p50 = latency(median(samples, |sample| Some(millis(sample.latency.p50))));
    let p99 = latency(median(samples, |sample| Some(millis(sample.latency.p99))));
    let cost = |of: fn(&Sample) -> Option<Duration>| {
        let cost = median(samples, |sample| of(sample).map(micros));
        cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.0}"))
    };
    let (app, postgres) = (
        cost(|sample| sample.app_cpu),
        cost(|sample| sample.postgres_cpu),
    );
    format!("{rate:.0}/s, {p50} / {p99} ({app}, {postgres})")
}

fn callback(samples: &[Sample]) -> String {
    let p50 = median(samples, |sample| Some(millis(sample.callback?.p50))).unwrap_or_default();
    let p99 = median(samples, |sample| Some(millis(sample.callback?.p99))).unwrap_or_default();
    format!("{p50:.2} / {p99:.2}")
}
