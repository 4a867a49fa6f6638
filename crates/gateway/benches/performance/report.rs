//! The tables: for the terminal as they are, for docs/PERFORMANCE.md between two marks.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::Context as _;

use crate::{
    footprint::Footprint,
    rounds::{CLIENTS, Results, Row},
    sample::{Sample, Spread},
};

/// Between these the file holds what a run wrote.
const BEGIN: &str = "<!-- written by `just bench --markdown` -->\n";
const END: &str = "<!-- end -->\n";

/// A ratio that must hold, and the one that is wanted.
struct Goal {
    name: &'static str,
    of: Row,
    to: Row,
    gate: f64,
    /// At 8 and at 32 clients.
    goal: [f64; 2],
}

const GOALS: [Goal; 5] = [
    Goal {
        name: "A : floor (3 round trips)",
        of: Row::Exchange,
        to: Row::FloorExchange,
        gate: 0.8,
        goal: [0.8, 0.8],
    },
    Goal {
        name: "A : pgbench (2 round trips)",
        of: Row::Exchange,
        to: Row::PgbenchRedeemInTwo,
        gate: 0.45,
        goal: [0.6, 0.75],
    },
    Goal {
        name: "A : oidc-provider in memory",
        of: Row::Exchange,
        to: Row::PeerExchange,
        gate: 1.5,
        goal: [2.0, 2.0],
    },
    Goal {
        name: "C : pgbench",
        of: Row::Start,
        to: Row::PgbenchStart,
        gate: 0.55,
        goal: [0.8, 0.8],
    },
    Goal {
        name: "C+D : floor",
        of: Row::Flow,
        to: Row::FloorFlow,
        gate: 0.7,
        goal: [0.85, 0.85],
    },
];

/// Further ratios, which nothing is demanded of.
const ASIDES: [(&str, Row, Row); 4] = [
    (
        "A : pgbench (1 statement)",
        Row::Exchange,
        Row::PgbenchRedeemInOne,
    ),
    (
        "floor A : pgbench (2 round trips)",
        Row::FloorExchange,
        Row::PgbenchRedeemInTwo,
    ),
    ("C : floor", Row::Start, Row::FloorStart),
    ("floor C : pgbench", Row::FloorStart, Row::PgbenchStart),
];

/// Everything that is told.
pub(crate) struct Report<'a> {
    /// Date, machine, versions, load.
    pub(crate) heading: Vec<String>,
    pub(crate) results: &'a Results,
    pub(crate) footprint: &'a Footprint,
}

impl Report<'_> {
    /// All tables.
    pub(crate) fn tables(&self) -> String {
        let mut out = String::new();
        for line in &self.heading {
            let _ = writeln!(out, "{line}  ");
        }
        out.push_str("\n### Throughput\n\nOperations per second, p50 and p99 in milliseconds, processor time per operation in microseconds (service, Postgres). Medians of the rounds.\n\n");
        out.push_str(&self.throughput());
        out.push_str("\n### Ratios\n\nMedian of the ratios of each round, and the smallest and largest of them.\n\n");
        out.push_str(&self.ratios());
        out.push_str("\n### Other gates\n\n");
        out.push_str(&self.others());
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

    fn throughput(&self) -> String {
        let mut rows = Vec::new();
        for row in Row::ALL {
            if self.samples(row, CLIENTS[0]).is_empty() {
                continue;
            }
            let cells = CLIENTS.map(|clients| cell(self.samples(row, clients)));
            rows.push([vec![row.name().to_owned()], cells.to_vec()].concat());
            if row == Row::Flow {
                let cells = CLIENTS.map(|clients| callback(self.samples(row, clients)));
                let name = "\u{2003}of it: callback (D)".to_owned();
                rows.push([vec![name], cells.to_vec()].concat());
            }
        }
        table(&["", "1 client", "8 clients", "32 clients"], &rows)
    }

    fn ratio(&self, of: Row, to: Row, clients: usize) -> Option<Spread> {
        let of = self.samples(of, clients).iter();
        let pairs = of.zip(self.samples(to, clients));
        Spread::of(pairs.map(|(of, to)| of.rate / to.rate))
    }

    fn ratios(&self) -> String {
        let mut rows = Vec::new();
        for goal in &GOALS {
            let spreads = CLIENTS.map(|clients| self.ratio(goal.of, goal.to, clients));
            let [_, Some(eight), Some(many)] = spreads else {
                continue;
            };
            let met = |demands: [f64; 2]| {
                let [at_eight, at_many] = demands;
                eight.median >= at_eight && many.median >= at_many
            };
            let [at_eight, at_many] = goal.goal;
            let wanted = if (at_eight - at_many).abs() < f64::EPSILON {
                format!("{at_eight}")
            } else {
                format!("{at_eight} / {at_many}")
            };
            rows.push(vec![
                goal.name.to_owned(),
                spread(spreads[0]),
                spread(spreads[1]),
                spread(spreads[2]),
                verdict(&format!("≥ {}", goal.gate), met([goal.gate; 2])),
                verdict(&format!("≥ {wanted}"), met(goal.goal)),
            ]);
        }
        for (name, of, to) in ASIDES {
            let [one, eight, many] = CLIENTS.map(|clients| self.ratio(of, to, clients));
            if one.is_some() {
                let cells = [one, eight, many].map(spread).to_vec();
                let dashes = vec!["–".to_owned(); 2];
                rows.push([vec![name.to_owned()], cells, dashes].concat());
            }
        }
        table(
            &["", "1 client", "8 clients", "32 clients", "gate", "goal"],
            &rows,
        )
    }

    fn others(&self) -> String {
        let mut rows = Vec::new();
        let mut row = |name: &str,
                       measured: Option<f64>,
                       text: String,
                       gate: (f64, &str),
                       goal: (f64, &str)| {
            let Some(measured) = measured else { return };
            rows.push(vec![
                name.to_owned(),
                text,
                verdict(gate.1, measured <= gate.0),
                verdict(goal.1, measured <= goal.0),
            ]);
        };
        if let Some((slack, tight, text)) = self.steady() {
            row(
                "A at 500 a second, p99",
                Some(slack),
                text.clone(),
                (0.0, "≤ 3 × fsync + 5 ms"),
                (f64::NEG_INFINITY, "≤ 2 × fsync + 3 ms"),
            );
            // The two demands differ by more than a number.
            let last = verdict("≤ 2 × fsync + 3 ms", tight <= 0.0);
            if let Some(cell) = rows
                .last_mut()
                .and_then(|row: &mut Vec<String>| row.last_mut())
            {
                *cell = last;
            }
        }
        rows.extend(self.limits());
        table(&["", "measured", "gate", "goal"], &rows)
    }

    /// By how much the p99 exceeds the gate and the goal, in seconds, by the medians of the rounds.
    fn steady(&self) -> Option<(f64, f64, String)> {
        let steady = &self.results.steady;
        let p99 = Spread::of(steady.iter().map(|(_, latency)| latency.p99.as_secs_f64()))?;
        let p50 = Spread::of(steady.iter().map(|(_, latency)| latency.p50.as_secs_f64()))?;
        let fsync = Spread::of(steady.iter().map(|(fsync, _)| fsync.as_secs_f64()))?;
        let over = |factor: f64, more: f64| {
            let over = steady.iter().map(|(fsync, latency)| {
                latency.p99.as_secs_f64() - factor * fsync.as_secs_f64() - more
            });
            Spread::of(over).map(|spread| spread.median)
        };
        let text = format!(
            "{:.2} ms (p50 {:.2} ms, fsync {:.2} ms)",
            p99.median * 1e3,
            p50.median * 1e3,
            fsync.median * 1e3
        );
        Some((over(3.0, 0.005)?, over(2.0, 0.003)?, text))
    }

    fn limits(&self) -> Vec<Vec<String>> {
        let Footprint {
            binary,
            cold_start,
            cold_start_empty,
            idle_memory,
            crowded_memory,
            idle_cpu,
        } = self.footprint;
        let exchange = self.samples(Row::Exchange, 8).iter();
        let cpu =
            Spread::of(exchange.filter_map(|sample| Some(sample.app_cpu?.as_secs_f64() * 1e6)));
        let memory = &self.results.memory;
        let loaded = memory.last().copied();
        let grown = format!(
            "{:.1} MiB (after each round: {})",
            loaded.unwrap_or_default(),
            memory
                .iter()
                .map(|mib| format!("{mib:.1}"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let ms = |spread: &Option<Spread>| spread.map(|spread| spread.median * 1e3);
        let times = |spread: &Option<Spread>| {
            let spread = spread.unwrap_or_default();
            let (median, min, max) = (spread.median * 1e3, spread.min * 1e3, spread.max * 1e3);
            format!("{median:.0} ms [{min:.0}–{max:.0}]")
        };
        let mib = |value: &Option<f64>| format!("{:.1} MiB", value.unwrap_or_default());
        let all: [(&str, Option<f64>, String, f64, f64, &str); 8] = [
            (
                "Processor time per exchange, 8 clients",
                cpu.map(|cpu| cpu.median),
                format!("{:.0} µs", cpu.unwrap_or_default().median),
                150.0,
                90.0,
                " µs",
            ),
            (
                "Memory, idle",
                *idle_memory,
                mib(idle_memory),
                20.0,
                12.0,
                " MiB",
            ),
            (
                "Memory, after load of 32 clients",
                loaded,
                grown,
                40.0,
                25.0,
                " MiB",
            ),
            (
                "Memory, 1000 idle connections",
                *crowded_memory,
                mib(crowded_memory),
                64.0,
                48.0,
                " MiB",
            ),
            (
                "Start to ready, migrated database",
                ms(cold_start),
                times(cold_start),
                200.0,
                60.0,
                " ms",
            ),
            (
                "Migration and start to ready, empty database",
                ms(cold_start_empty),
                times(cold_start_empty),
                1500.0,
                700.0,
                " ms",
            ),
            (
                "Processor when idle",
                idle_cpu.map(|share| share * 100.0),
                format!("{:.2} % of a core", idle_cpu.unwrap_or_default() * 100.0),
                0.3,
                0.1,
                " %",
            ),
            (
                "Size of the stripped binary",
                Some(*binary),
                format!("{binary:.1} MiB"),
                30.0,
                15.0,
                " MiB",
            ),
        ];
        all.into_iter()
            .filter_map(|(name, measured, text, gate, goal, unit)| {
                let measured = measured?;
                let bound = |bound: f64| verdict(&format!("≤ {bound}{unit}"), measured <= bound);
                Some(vec![name.to_owned(), text, bound(gate), bound(goal)])
            })
            .collect()
    }
}

fn verdict(demand: &str, met: bool) -> String {
    format!("{demand}: {}", if met { "met" } else { "**missed**" })
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| {
        format!("{:.2} [{:.2}–{:.2}]", spread.median, spread.min, spread.max)
    })
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    Some(Spread::of(samples.iter().filter_map(of))?.median)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// `5731/s  1.30 / 6.20  (75, 175)`.
fn cell(samples: &[Sample]) -> String {
    let rate = median(samples, |sample| Some(sample.rate)).unwrap_or_default();
    let p50 = median(samples, |sample| Some(millis(sample.latency.p50))).unwrap_or_default();
    let p99 = median(samples, |sample| Some(millis(sample.latency.p99))).unwrap_or_default();
    let micros = |cpu: Option<Duration>| Some(cpu?.as_secs_f64() * 1e6);
    let app = median(samples, |sample| micros(sample.app_cpu));
    let postgres = median(samples, |sample| micros(sample.postgres_cpu));
    let cost = |cpu: Option<f64>| cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0}"));
    format!(
        "{rate:.0}/s, {p50:.2} / {p99:.2} ({}, {})",
        cost(app),
        cost(postgres)
    )
}

fn callback(samples: &[Sample]) -> String {
    let p50 = median(samples, |sample| Some(millis(sample.callback?.p50))).unwrap_or_default();
    let p99 = median(samples, |sample| Some(millis(sample.callback?.p99))).unwrap_or_default();
    format!("{p50:.2} / {p99:.2}")
}

/// A table whose source is as readable as what is made of it.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|&head| head.to_owned()).collect();
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&heads])
                .filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths);
        let padded = padded.map(|(cell, width)| format!(" {cell:width$} |"));
        format!("|{}\n", padded.collect::<String>())
    };
    let rule: String = widths
        .iter()
        .map(|width| format!("{}|", "-".repeat(width + 2)))
        .collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{rule}\n{body}", line(&heads))
}
