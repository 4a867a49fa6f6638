//! What must stay under a bound: memory, processor, size, times.

use std::time::Duration;

use super::{
    Report,
    table::{median, micros, millis, table, verdict},
};
use crate::{
    footprint::Footprint,
    row::Row,
    sample::{Latency, Spread},
};

/// Something that was measured, and what is demanded of it.
struct Limit {
    name: &'static str,
    measured: String,
    gate: Bound,
    goal: Bound,
}

/// A demand, and whether it holds.
struct Bound {
    words: String,
    met: bool,
}

/// A number with its unit.
struct Quantity {
    number: f64,
    unit: &'static str,
}

impl Limit {
    /// A quantity that must be at most the first bound, and is wanted to be at most the second.
    fn at_most(
        name: &'static str,
        quantity: &Quantity,
        measured: String,
        [gate, goal]: [f64; 2],
    ) -> Self {
        let bound = |bound: f64| Bound {
            words: format!("≤ {bound} {}", quantity.unit),
            met: quantity.number <= bound,
        };
        Self {
            name,
            measured,
            gate: bound(gate),
            goal: bound(goal),
        }
    }

    fn cells(self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.measured,
            verdict(&self.gate.words, self.gate.met),
            verdict(&self.goal.words, self.goal.met),
        ]
    }
}

impl Report<'_> {
    pub(super) fn limits(&self) -> String {
        let limits = [
            self.steady(),
            self.steady_reads("B at 2000 a second, p50", |latency| latency.p50, [0.8, 0.8]),
            self.steady_reads("B at 2000 a second, p99", |latency| latency.p99, [3.0, 1.5]),
            self.processor(
                "Processor time per exchange, 8 clients",
                Row::Exchange,
                [150.0, 90.0],
            ),
            self.processor(
                "Processor time per read, 8 clients",
                Row::Read,
                [60.0, 40.0],
            ),
            memory("Memory, idle", self.footprint.idle_memory, [20.0, 12.0]),
            self.loaded_memory(),
            memory(
                "Memory, 1000 idle connections",
                self.footprint.crowded_memory,
                [64.0, 48.0],
            ),
            time(
                "Start to ready, migrated database",
                self.footprint.cold_start,
                [200.0, 60.0],
            ),
            time(
                "Migration and start to ready, empty database",
                self.footprint.cold_start_empty,
                [1500.0, 700.0],
            ),
            idle(self.footprint),
            Some(size(self.footprint)),
        ];
        let rows: Vec<Vec<String>> = limits.into_iter().flatten().map(Limit::cells).collect();
        table(&["", "measured", "gate", "goal"], &rows)
    }

    /// At a fixed rate: the slowest of a hundred may wait for some fsyncs, and little else.
    fn steady(&self) -> Option<Limit> {
        let steady = &self.results.steady;
        let middle = |of: fn(&Latency) -> f64| {
            Some(Spread::of(steady.iter().map(|(_, latency)| of(latency)))?.median)
        };
        let p50 = middle(|latency| millis(latency.p50))?;
        let p99 = middle(|latency| millis(latency.p99))?;
        let fsync = Spread::of(steady.iter().map(|(fsync, _)| millis(*fsync)))?.median;
        let bound = |factor: f64, more: f64| {
            // Each round by its own fsync, which moves most of all.
            let over = steady
                .iter()
                .map(|(fsync, latency)| millis(latency.p99) - factor * millis(*fsync) - more);
            Bound {
                words: format!("≤ {factor} × fsync + {more} ms"),
                met: Spread::of(over).is_some_and(|over| over.median <= 0.0),
            }
        };
        Some(Limit {
            name: "A at 500 a second, p99",
            measured: format!("{p99:.2} ms (p50 {p50:.2} ms, fsync {fsync:.2} ms)"),
            gate: bound(3.0, 5.0),
            goal: bound(2.0, 3.0),
        })
    }

    fn steady_reads(
        &self,
        name: &'static str,
        of: fn(&Latency) -> Duration,
        bounds: [f64; 2],
    ) -> Option<Limit> {
        let each = self.results.steady_reads.iter();
        let number = Spread::of(each.map(|latency| millis(of(latency))))?.median;
        let quantity = Quantity { number, unit: "ms" };
        Some(Limit::at_most(
            name,
            &quantity,
            format!("{number:.2} ms"),
            bounds,
        ))
    }

    fn processor(&self, name: &'static str, row: Row, bounds: [f64; 2]) -> Option<Limit> {
        let samples = self.samples(row, 8);
        let number = median(samples, |sample| sample.app_cpu.map(micros))?;
        let quantity = Quantity {
            number, unit: "µs"
        };
        Some(Limit::at_most(
            name,
            &quantity,
            format!("{number:.0} µs"),
            bounds,
        ))
    }

    fn loaded_memory(&self) -> Option<Limit> {
        let each = &self.results.memory;
        let number = each.last().copied()?;
        let each: Vec<String> = each.iter().map(|number| format!("{number:.1}")).collect();
        let quantity = Quantity { number, unit: "MB" };
        Some(Limit::at_most(
            "Memory, after load of 32 clients",
            &quantity,
            format!("{number:.1} MB (after each round: {})", each.join(", ")),
            [40.0, 25.0],
        ))
    }
}

fn memory(name: &'static str, measured: Option<f64>, bounds: [f64; 2]) -> Option<Limit> {
    let number = measured?;
    let quantity = Quantity { number, unit: "MB" };
    Some(Limit::at_most(
        name,
        &quantity,
        format!("{number:.1} MB"),
        bounds,
    ))
}

fn time(name: &'static str, measured: Option<Spread>, bounds: [f64; 2]) -> Option<Limit> {
    let Spread { median, min, max } = measured?;
    let [number, min, max] = [median, min, max].map(|seconds| seconds * 1e3);
    let quantity = Quantity { number, unit: "ms" };
    let words = format!("{number:.0} ms [{min:.0}–{max:.0}]");
    Some(Limit::at_most(name, &quantity, words, bounds))
}

fn idle(footprint: &Footprint) -> Option<Limit> {
    let number = footprint.idle_cpu? * 100.0;
    let quantity = Quantity { number, unit: "%" };
    let words = format!("{number:.2} % of a core");
    Some(Limit::at_most(
        "Processor when idle",
        &quantity,
        words,
        [0.3, 0.1],
    ))
}

fn size(footprint: &Footprint) -> Limit {
    let number = footprint.binary;
    let quantity = Quantity { number, unit: "MB" };
    Limit::at_most(
        "Size of the stripped binary",
        &quantity,
        format!("{number:.1} MB"),
        [30.0, 15.0],
    )
}
