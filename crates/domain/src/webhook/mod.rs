//! Webhooks: where an account hears of its events (Standard Webhooks, version 1).

mod schedule;
mod secret;
mod url;

use chrono::TimeDelta;

use crate::event::EventKind;

pub use self::{
    schedule::{PATIENCE, next_attempt},
    secret::WebhookSecret,
    url::{InvalidWebhookUrl, WebhookUrl},
};

/// How long the secret before a rotation signs too, unless somebody says otherwise.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// The longest that it may, in seconds.
const LONGEST_OVERLAP: i64 = 7 * 24 * 60 * 60;

/// Not a list of events to hear of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvents {
    /// There is no such event.
    #[error("there is no event {0:?}; there are: {known}", known = EventKind::ALL.join(", "))]
    Unknown(String),
    /// Nothing would ever be sent.
    #[error("choose at least one event")]
    Empty,
}

/// Reads the names of events; each once, in the usual order.
///
/// # Errors
/// [`InvalidEvents`], with the sentence to show.
pub fn events<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<EventKind>, InvalidEvents> {
    let mut chosen = Vec::new();
    for name in names {
        chosen.push(EventKind::parse(name).ok_or_else(|| InvalidEvents::Unknown(name.into()))?);
    }
    if chosen.is_empty() {
        return Err(InvalidEvents::Empty);
    }
    let all = EventKind::ALL.into_iter().filter_map(EventKind::parse);
    Ok(all.filter(|kind| chosen.contains(kind)).collect())
}

/// Reads what an endpoint is for, in somebody's own words; none if it is blank.
///
/// # Errors
/// A sentence to show.
pub fn description(text: &str) -> Result<Option<String>, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("no control characters");
    }
    match text.chars().count() {
        0 => Ok(None),
        1..=200 => Ok(Some(text.to_owned())),
        _ => Err("at most 200 characters"),
    }
}

/// Reads how long the secret before a rotation signs too: [`OVERLAP`] if nothing is said.
///
/// # Errors
/// A sentence to show.
pub fn overlap(seconds: Option<i64>) -> Result<TimeDelta, &'static str> {
    match seconds {
        None => Ok(OVERLAP),
        Some(seconds @ 0..=LONGEST_OVERLAP) => Ok(TimeDelta::seconds(seconds)),
        Some(_) => Err("0 to 604800 seconds, which is 7 days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_name() {
        let chosen = events(["oauth_app.created", "credential.created"]).expect("known");
        let names: Vec<&str> = chosen.into_iter().map(EventKind::as_str).collect();
        assert_eq!(names, ["credential.created", "oauth_app.created"]);
        let twice = events(["credential.created"; 2]).expect("known");
        assert_eq!(twice.len(), 1);
        assert_eq!(events([]), Err(InvalidEvents::Empty));
        let unknown = Err(InvalidEvents::Unknown("credential.*".into()));
        assert_eq!(events(["credential.*"]), unknown);
    }

    #[test]
    fn a_description_is_one_line_or_none() {
        assert_eq!(description("  Billing "), Ok(Some("Billing".into())));
        assert_eq!(description(" \n"), Ok(None));
        assert!(description(&"a".repeat(200)).is_ok());
        assert!(description(&"a".repeat(201)).is_err());
        assert!(description("a\0b").is_err());
    }

    #[test]
    fn an_overlap_is_up_to_a_week() {
        assert_eq!(overlap(None), Ok(OVERLAP));
        assert_eq!(overlap(Some(0)), Ok(TimeDelta::zero()));
        assert_eq!(overlap(Some(604_800)), Ok(TimeDelta::days(7)));
        assert!(overlap(Some(604_801)).is_err());
        for wrong in [-1, i64::MAX] {
            assert!(overlap(Some(wrong)).is_err());
        }
    }
}
