//! When a delivery that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{freshness::part, random::Random};

/// A delivery is tried for this long after its event.
pub const PATIENCE: TimeDelta = TimeDelta::days(3);

/// Between the first attempts; from then on [`LONGEST`].
const STEPS: [TimeDelta; 7] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(2),
    TimeDelta::minutes(10),
    TimeDelta::minutes(30),
    TimeDelta::hours(1),
    TimeDelta::hours(3),
];
const LONGEST: TimeDelta = TimeDelta::hours(6);

/// When to try again after so many attempts at an event of `event_at`; none if it was the last.
///
/// Each step is lengthened by up to a fifth at random, so that what failed together does not come
/// back together. What the endpoint asks for (`Retry-After`) is heeded up to six hours. The last
/// attempt is made three days after the event, or later if others of its kind had to go first: each
/// event gets at least one.
pub fn next_attempt(
    attempts: u32,
    event_at: DateTime<Utc>,
    asked: Option<TimeDelta>,
    now: DateTime<Utc>,
    random: &dyn Random,
) -> Option<DateTime<Utc>> {
    let end = event_at + PATIENCE;
    if now >= end {
        return None;
    }
    let made = usize::try_from(attempts).unwrap_or(usize::MAX);
    let step = STEPS
        .get(made.saturating_sub(1))
        .copied()
        .unwrap_or(LONGEST);
    let wait = step + part(step / 5, random);
    let wait = asked.map_or(wait, |asked| wait.max(asked.min(LONGEST)));
    Some((now + wait).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a moment")
    }

    fn next(attempts: u32, asked: Option<TimeDelta>, after: TimeDelta) -> Option<TimeDelta> {
        let now = start() + after;
        let at = next_attempt(attempts, start(), asked, now, &OsRandom);
        at.map(|at| at - now)
    }

    #[test]
    fn attempts_thin_out_and_end_after_three_days() {
        let (mut after, mut attempts) = (TimeDelta::zero(), 1);
        while let Some(wait) = next(attempts, None, after) {
            assert!(attempts < 30, "it ends");
            after += wait;
            attempts += 1;
        }
        assert_eq!(after, PATIENCE, "the last attempt is made at the end");
        assert!((18..=21).contains(&attempts), "{attempts}");
    }

    #[test]
    fn each_step_varies_by_a_fifth() {
        for (attempts, seconds) in [(1, 5), (2, 30), (7, 10_800), (8, 21_600), (15, 21_600)] {
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..64 {
                let wait = next(attempts, None, TimeDelta::zero()).expect("again");
                assert!(wait >= TimeDelta::seconds(seconds));
                assert!(wait <= TimeDelta::seconds(seconds) * 6 / 5);
                seen.insert(wait);
            }
            assert!(seen.len() > 32, "{attempts}");
        }
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_but_not_for_less() {
        let asked = |seconds| {
            let asked = TimeDelta::seconds(seconds);
            next(1, Some(asked), TimeDelta::zero()).expect("again")
        };
        assert_eq!(asked(600), TimeDelta::minutes(10));
        assert!(asked(0) >= TimeDelta::seconds(5));
        assert_eq!(asked(1_000_000), TimeDelta::hours(6));
    }

    #[test]
    fn what_waited_for_others_gets_one_attempt() {
        assert_eq!(next(1, None, PATIENCE), None);
        assert_eq!(next(1, None, PATIENCE * 2), None);
    }
}
