//! When a token is due: on a read, and ahead of that in the background.

use chrono::{DateTime, TimeDelta, Utc};

use crate::random::Random;

/// A token that ends within this is refreshed before it is handed out: its holder needs time to use it.
const READ_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// The background refreshes no earlier before the end than this.
const LONGEST_LEAD: TimeDelta = TimeDelta::minutes(15);
/// A refresh token is used at the latest when this share of its life is over, in percent.
const KEEP_ALIVE: i32 = 80;

/// Whether a token that ends at `expires_at` can be handed out as it is. One without an end can.
pub fn is_fresh(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_none_or(|ends| ends > now + READ_MARGIN)
}

/// Whether a token that ends at `expires_at` is still good, if nothing better is to be had.
pub fn is_valid(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_none_or(|ends| ends > now)
}

/// When the background refreshes a grant that was made or refreshed at `now`.
///
/// Ahead of the access token's end by a quarter of its life or 15 minutes, whichever is less, and
/// earlier by a random part of as much again: credentials that were imported together do not come
/// due together. A refresh token that ends is used before 80 percent of its life are over, even if
/// nobody reads the credential. None if neither ends.
pub fn refresh_at(
    expires_at: Option<DateTime<Utc>>,
    refresh_expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    random: &dyn Random,
) -> Option<DateTime<Utc>> {
    let ahead = expires_at.map(|ends| {
        let lead = ((ends - now) / 4).clamp(TimeDelta::zero(), LONGEST_LEAD);
        ends - lead - part(lead, random)
    });
    let alive = refresh_expires_at.map(|ends| {
        let life = (ends - now).max(TimeDelta::zero());
        now + life * KEEP_ALIVE / 100 - part(life / 10, random)
    });
    [ahead, alive].into_iter().flatten().min()
}

/// A random part of a span.
pub fn part(span: TimeDelta, random: &dyn Random) -> TimeDelta {
    let [byte, next] = random.bytes::<2>();
    span * i32::from(u16::from_be_bytes([byte, next])) / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("a moment")
    }

    #[test]
    fn a_token_is_due_a_minute_before_it_ends() {
        let ends = |seconds| Some(now() + TimeDelta::seconds(seconds));
        assert!(is_fresh(None, now()) && is_fresh(ends(61), now()));
        assert!(!is_fresh(ends(60), now()) && is_valid(ends(60), now()));
        assert!(!is_valid(ends(0), now()) && is_valid(None, now()));
    }

    #[test]
    fn the_background_comes_ahead_of_the_end_and_not_all_at_once() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let at = refresh_at(Some(now() + TimeDelta::hours(1)), None, now(), &OsRandom);
            let after = at.expect("a time") - now();
            assert!(after >= TimeDelta::minutes(30) && after <= TimeDelta::minutes(45));
            seen.insert(after);
        }
        assert!(seen.len() > 32);
    }

    #[test]
    fn a_short_life_is_not_refreshed_in_the_past() {
        for seconds in [0, 1, 30] {
            let ends = now() + TimeDelta::seconds(seconds);
            let at = refresh_at(Some(ends), None, now(), &OsRandom).expect("a time");
            assert!(at >= now() && at <= ends);
        }
    }

    #[test]
    fn an_idle_refresh_token_is_kept_alive() {
        let month = Some(now() + TimeDelta::days(30));
        let at = refresh_at(None, month, now(), &OsRandom).expect("a time");
        assert!(at <= now() + TimeDelta::days(24) && at >= now() + TimeDelta::days(21));
        assert_eq!(refresh_at(None, None, now(), &OsRandom), None);
    }
}
