//! Latencies and rates, and what is said of several rounds of them.

use std::time::Duration;

use crate::process::Cpu;

/// What came of one row, at one number of clients, in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// Operations per second.
    pub(crate) rate: f64,
    /// Of an operation.
    pub(crate) latency: Latency,
    /// Of the callback alone, where the operation is a whole flow.
    pub(crate) callback: Option<Latency>,
    /// Of the service, per operation.
    pub(crate) app_cpu: Option<Duration>,
    /// Of all of Postgres, per operation.
    pub(crate) postgres_cpu: Option<Duration>,
}

/// Percentiles.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Latency {
    /// Of these, in any order.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |hundredths: usize| {
            let index = latencies.len() * hundredths / 100;
            let index = index.min(latencies.len().saturating_sub(1));
            latencies.get(index).copied().unwrap_or_default()
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

impl Sample {
    /// Of operations that took this long each and `elapsed` together.
    pub(crate) fn new(latencies: Vec<Duration>, elapsed: Duration) -> Self {
        Self {
            rate: count(latencies.len()) / elapsed.as_secs_f64(),
            latency: Latency::of(latencies),
            ..Self::default()
        }
    }

    /// Adds what `operations` of them cost.
    pub(crate) fn with_cpu(mut self, operations: usize, app: Cpu, postgres: Cpu) -> Self {
        let each = |cpu: Cpu| Some(cpu.0?.div_f64(count(operations.max(1))));
        self.app_cpu = each(app);
        self.postgres_cpu = each(postgres);
        self
    }
}

/// The middle of several, the smallest and the largest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of these, in any order; `None` of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            min,
            max,
        })
    }
}

/// A number of things as a real number.
pub(crate) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
