//! Limits on failures: guessing gets slow, being right does not.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Counts failures per key over a window. Successes are free, so a busy client is never slowed.
///
/// Per process: with several replicas an attacker has as many times the budget, which changes
/// nothing for secrets of this size.
#[derive(Debug)]
pub struct FailureThrottle<K> {
    limit: u32,
    window: TimeDelta,
    failures: Mutex<HashMap<K, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends_at: DateTime<Utc>,
    failures: u32,
}

/// Beyond this many keys the ended windows are dropped, and if there are none, all.
const MAX_KEYS: usize = 100_000;

impl<K: Hash + Eq> FailureThrottle<K> {
    /// Admits `limit` failures per key in each `window`.
    pub fn new(limit: u32, window: TimeDelta) -> Self {
        Self {
            limit,
            window,
            failures: Mutex::new(HashMap::new()),
        }
    }

    /// How long the key must wait, if it must.
    pub fn wait(&self, key: &K, now: DateTime<Utc>) -> Option<TimeDelta> {
        let failures = self.lock();
        let window = failures.get(key)?;
        (window.failures >= self.limit && window.ends_at > now).then(|| window.ends_at - now)
    }

    /// Counts a failure.
    pub fn failed(&self, key: K, now: DateTime<Utc>) {
        let mut failures = self.lock();
        make_room(&mut failures, now);
        self.window(&mut failures, key, now).failures += 1;
    }

    /// Counts an attempt as a failure before it is known to be one, so that any number of
    /// attempts at the same time stay within the limit; or says how long the key must wait.
    ///
    /// # Errors
    /// The time to wait. The attempt is not counted then.
    pub fn admit(&self, key: K, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let mut failures = self.lock();
        make_room(&mut failures, now);
        let window = self.window(&mut failures, key, now);
        if window.failures >= self.limit {
            return Err(window.ends_at - now);
        }
        window.failures += 1;
        Ok(())
    }

    /// Takes back what [`FailureThrottle::admit`] counted: the attempt was no failure. Unlike
    /// [`FailureThrottle::succeeded`] it leaves the key's other failures.
    pub fn forgive(&self, key: &K) {
        if let Some(window) = self.lock().get_mut(key) {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// Forgets a key's failures.
    pub fn succeeded(&self, key: &K) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Window>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key's window, a fresh one if the last has ended.
    fn window<'a>(
        &self,
        failures: &'a mut HashMap<K, Window>,
        key: K,
        now: DateTime<Utc>,
    ) -> &'a mut Window {
        let fresh = Window {
            ends_at: now + self.window,
            failures: 0,
        };
        let window = failures.entry(key).or_insert(fresh);
        if window.ends_at <= now {
            *window = fresh;
        }
        window
    }
}

fn make_room<K>(failures: &mut HashMap<K, Window>, now: DateTime<Utc>)
where
    K: Hash + Eq,
{
    if failures.len() >= MAX_KEYS {
        failures.retain(|_, window| window.ends_at > now);
        if failures.len() >= MAX_KEYS {
            failures.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_after_its_failures_and_others_do_not() {
        let throttle = FailureThrottle::new(2, TimeDelta::minutes(1));
        let now = DateTime::UNIX_EPOCH;
        throttle.failed("a", now);
        assert_eq!(throttle.wait(&"a", now), None);
        throttle.failed("a", now);
        assert_eq!(throttle.wait(&"a", now), Some(TimeDelta::minutes(1)));
        assert_eq!(throttle.wait(&"b", now), None);
        assert_eq!(throttle.wait(&"a", now + TimeDelta::minutes(1)), None);
        throttle.failed("a", now);
        throttle.succeeded(&"a");
        assert_eq!(throttle.wait(&"a", now), None);
    }

    #[test]
    fn attempts_at_the_same_time_stay_within_the_limit() {
        let throttle = FailureThrottle::new(2, TimeDelta::minutes(1));
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(throttle.admit("a", now), Ok(()));
        assert_eq!(throttle.admit("a", now), Ok(()));
        assert_eq!(throttle.admit("a", now), Err(TimeDelta::minutes(1)));
        throttle.forgive(&"a");
        assert_eq!(throttle.admit("a", now), Ok(()));
        assert_eq!(throttle.admit("b", now), Ok(()));
        let later = now + TimeDelta::minutes(1);
        assert_eq!(throttle.admit("a", later), Ok(()));
    }
}
