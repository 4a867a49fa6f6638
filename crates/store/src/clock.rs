//! The database's clock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use keyway_domain::clock::{Clock, SystemClock};

/// This machine's clock, corrected to the database's.
///
/// Replicas' clocks differ; codes and leases are judged by one clock. The offset is measured
/// whenever a connection is made.
#[derive(Debug, Clone, Default)]
pub struct DatabaseClock {
    offset_micros: Arc<AtomicI64>,
}

impl DatabaseClock {
    /// Takes note that the database's clock read `database` between `before` and `after` here.
    pub(crate) fn measured(
        &self,
        before: DateTime<Utc>,
        database: DateTime<Utc>,
        after: DateTime<Utc>,
    ) {
        let middle = before + (after - before) / 2;
        if let Some(offset) = (database - middle).num_microseconds() {
            self.offset_micros.store(offset, Ordering::Relaxed);
        }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        let offset = TimeDelta::microseconds(self.offset_micros.load(Ordering::Relaxed));
        // Postgres keeps microseconds: what is stored reads back as what was answered.
        (SystemClock.now() + offset).trunc_subsecs(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that was told, over a connection that took ten seconds, of a database so many seconds
    /// ahead.
    fn ahead(clock: &DatabaseClock, seconds: i64) -> TimeDelta {
        let before = SystemClock.now();
        let after = before + TimeDelta::seconds(10);
        let middle = before + TimeDelta::seconds(5);
        clock.measured(before, middle + TimeDelta::seconds(seconds), after);
        clock.now() - SystemClock.now()
    }

    /// Within what passes between two looks at this machine's clock.
    fn is_about(offset: TimeDelta, seconds: i64) -> bool {
        (offset - TimeDelta::seconds(seconds)).abs() < TimeDelta::seconds(1)
    }

    #[test]
    fn an_unmeasured_clock_is_this_machines() {
        let clock = DatabaseClock::default();
        assert!(is_about(clock.now() - SystemClock.now(), 0));
    }

    #[test]
    fn the_database_was_asked_in_the_middle() {
        let clock = DatabaseClock::default();
        assert!(is_about(ahead(&clock, 0), 0));
    }

    #[test]
    fn it_runs_ahead_or_behind_as_the_database_does() {
        let clock = DatabaseClock::default();
        for seconds in [3600, -3600] {
            assert!(is_about(ahead(&clock, seconds), seconds));
        }
    }

    #[test]
    fn it_tells_no_more_than_the_database_keeps() {
        let now = DatabaseClock::default().now();
        assert_eq!(now.timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn all_who_hold_it_share_what_was_measured() {
        let clock = DatabaseClock::default();
        let copy = clock.clone();
        ahead(&clock, 60);
        assert!(is_about(copy.now() - SystemClock.now(), 60));
    }
}
