//! Times for people and for machines.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A moment, ready for a page.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// RFC 3339, for the `datetime` attribute.
    pub(crate) machine: String,
    /// To the second, as logs write it; UTC.
    pub(crate) exact: String,
    /// As seen from now.
    pub(crate) relative: String,
}

impl Moment {
    /// A moment as seen from `now`.
    pub(crate) fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            machine: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            exact: at.format("%Y-%m-%d %H:%M:%S").to_string(),
            relative: relative(at - now),
        }
    }
}

/// What lies between two steps: `0.4 s`, `12 s`, `3 min 5 s`.
pub(crate) fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let millis = (to - from).num_milliseconds().max(0);
    let (seconds, tenths) = (millis / 1000, millis % 1000 / 100);
    match seconds {
        0..10 => format!("{seconds}.{tenths} s"),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn relative(away: TimeDelta) -> String {
    let seconds = away.num_seconds();
    let (count, unit) = match seconds.abs() {
        0..5 => return "now".into(),
        s @ 5..60 => (s, "second"),
        s @ 60..3600 => (s / 60, "minute"),
        s @ 3600..86_400 => (s / 3600, "hour"),
        s => (s / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if seconds < 0 {
        format!("{count} {unit}{plural} ago")
    } else {
        format!("in {count} {unit}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seen_from_now() {
        let now = DateTime::UNIX_EPOCH;
        let seen = |seconds| Moment::new(now + TimeDelta::seconds(seconds), now).relative;
        for (seconds, text) in [
            (0, "now"),
            (-4, "now"),
            (-5, "5 seconds ago"),
            (-60, "1 minute ago"),
            (-7200, "2 hours ago"),
            (-86_400, "1 day ago"),
            (90, "in 1 minute"),
        ] {
            assert_eq!(seen(seconds), text);
        }
        assert_eq!(Moment::new(now, now).machine, "1970-01-01T00:00:00Z");
        assert_eq!(Moment::new(now, now).exact, "1970-01-01 00:00:00");
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        let now = DateTime::UNIX_EPOCH;
        let between = |millis| span(now, now + TimeDelta::milliseconds(millis));
        assert_eq!(between(420), "0.4 s");
        assert_eq!(between(12_000), "12 s");
        assert_eq!(between(185_000), "3 min 5 s");
        assert_eq!(between(3_700_000), "1 h 1 min");
        assert_eq!(between(-5), "0.0 s");
    }
}
