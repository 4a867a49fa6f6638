//! The one source of time.

use chrono::{DateTime, Utc};

/// Tells the time. Passed in everywhere, so that tests can move it by hand.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock, uncorrected.
///
/// Programs with a database use the store's clock, which follows the database: replicas differ,
/// and codes and leases are judged by one clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
