//! When to ask a provider again that failed.

use chrono::TimeDelta;
use keyway_domain::{Random, freshness};

/// After the first failure.
const FIRST: TimeDelta = TimeDelta::seconds(30);
/// After the first failure that will not pass by itself.
const FIRST_UNLIKELY: TimeDelta = TimeDelta::minutes(10);
/// Never longer than this and a quarter: an hour.
const LONGEST: TimeDelta = TimeDelta::minutes(48);

/// How long to wait after so many failures in a row: from 30 seconds to an hour, twice as long each
/// time, and by a random part of up to a quarter longer.
pub(crate) fn passing(failures: u32, random: &dyn Random) -> TimeDelta {
    doubled(FIRST, failures, random)
}

/// The same for what only an admin can mend: from 10 minutes to an hour.
pub(crate) fn unlikely(failures: u32, random: &dyn Random) -> TimeDelta {
    doubled(FIRST_UNLIKELY, failures, random)
}

fn doubled(first: TimeDelta, failures: u32, random: &dyn Random) -> TimeDelta {
    // Eight times 30 seconds is more than the longest.
    let doublings = failures.saturating_sub(1).min(8);
    let span = (first * (1 << doublings)).min(LONGEST);
    span + freshness::part(span / 4, random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::random::OsRandom;

    /// Between what and what the wait is, in seconds.
    fn is_within(wait: TimeDelta, least: i64, most: i64) -> bool {
        (least..=most).contains(&wait.num_seconds())
    }

    #[test]
    fn waits_double_from_half_a_minute_to_an_hour() {
        let spans = [30, 60, 120, 240, 480, 960, 1920, 2880, 2880];
        for (failures, span) in (1..).zip(spans) {
            let wait = passing(failures, &OsRandom);
            assert!(is_within(wait, span, span + span / 4), "{failures}: {wait}");
        }
        let wait = passing(u32::MAX, &OsRandom);
        assert!(is_within(wait, 2880, 3600), "{wait}");
    }

    #[test]
    fn what_will_not_pass_waits_longer() {
        for (failures, span) in (1..).zip([600, 1200, 2400, 2880, 2880]) {
            let wait = unlikely(failures, &OsRandom);
            assert!(is_within(wait, span, span + span / 4), "{failures}: {wait}");
        }
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> = (0..64).map(|_| passing(1, &OsRandom)).collect();
        assert!(waits.len() > 32);
    }
}
