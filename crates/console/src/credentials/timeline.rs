//! What happened to a credential, in sentences.

use chrono::{DateTime, Utc};
use keyway_domain::{event::EventKind, health::HealthStatus, ids::CredentialId};
use keyway_store::Event;
use serde_json::{Map, Value};

use crate::{App, error::PageError, moment::Moment, session::Session};

/// How many events are shown, the newest.
const SHOWN: usize = 50;
const ASKED: i64 = 51;

/// What happened, newest first.
pub(super) struct Timeline {
    pub(super) entries: Vec<Entry>,
    /// There is more than is shown.
    pub(super) goes_on: bool,
}

/// Something that happened.
pub(super) struct Entry {
    /// The class of its mark.
    pub(super) class: &'static str,
    pub(super) label: String,
    /// More, a sentence or so each.
    pub(super) about: Vec<String>,
    pub(super) at: Moment,
}

/// The timeline of a credential; it may be gone.
pub(super) async fn of(
    app: &App,
    session: &Session,
    credential: CredentialId,
    now: DateTime<Utc>,
) -> Result<Timeline, PageError> {
    let events = app
        .store
        .list_credential_events(session.account(), credential, ASKED)
        .await?;
    Ok(Timeline {
        goes_on: events.len() > SHOWN,
        entries: events
            .iter()
            .take(SHOWN)
            .map(|event| entry(event, now))
            .collect(),
    })
}

fn entry(event: &Event, now: DateTime<Utc>) -> Entry {
    let (class, label, about) = told(&event.kind, &event.data);
    Entry {
        class,
        label,
        about,
        at: Moment::new(event.created_at, now),
    }
}

fn told(kind: &str, data: &Map<String, Value>) -> (&'static str, String, Vec<String>) {
    let plain = |class, label: &str, about: &str| (class, label.to_owned(), vec![about.to_owned()]);
    match EventKind::parse(kind) {
        Some(EventKind::CREDENTIAL_CREATED) => plain(
            "ok",
            "Connected",
            "For the first time, by a flow or an import.",
        ),
        Some(EventKind::CREDENTIAL_UPDATED) => plain(
            "ok",
            "Changed",
            "It was connected or imported again, or its name or metadata were changed.",
        ),
        Some(EventKind::CREDENTIAL_REFRESHED) => {
            plain("ok", "Refreshed", "The provider handed out new tokens.")
        }
        Some(EventKind::CREDENTIAL_REFRESH_FAILED) => trouble(data),
        Some(EventKind::CREDENTIAL_RECOVERED) => {
            plain("ok", "Works again", "Nothing has to be done.")
        }
        Some(EventKind::CREDENTIAL_REVOKED) => plain(
            "quiet",
            "Revoked",
            "The provider has ended the grant, as Keyway asked it to.",
        ),
        Some(EventKind::CREDENTIAL_DELETED) => {
            ("quiet", "Deleted".to_owned(), vec![revocation(data)])
        }
        _ => ("quiet", kind.to_owned(), Vec::new()),
    }
}

fn trouble(data: &Map<String, Value>) -> (&'static str, String, Vec<String>) {
    let health = data.get("health");
    let text = |name| health.and_then(|health| health.get(name));
    let notes = text("notes").and_then(Value::as_array);
    let mut about: Vec<String> = notes
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if text("status").and_then(Value::as_str) == Some(HealthStatus::Error.as_str()) {
        return ("bad", "Stopped working".to_owned(), about);
    }
    about.push("Keyway tries again by itself.".to_owned());
    ("warn", "A refresh failed".to_owned(), about)
}

/// What the provider made of the end of a deleted credential's grant.
fn revocation(data: &Map<String, Value>) -> String {
    let text = |name| {
        data.get("revocation")
            .and_then(|revocation| revocation.get(name))
            .and_then(Value::as_str)
    };
    match (text("outcome"), text("detail")) {
        (Some("revoked"), _) => "The provider has ended the grant.".to_owned(),
        (Some("unsupported"), _) => {
            "The provider has no way to end a grant from here. Its tokens are erased.".to_owned()
        }
        (Some("superseded"), _) => {
            "The provider was not asked: the same external account is connected again.".to_owned()
        }
        (Some("failed"), Some(detail)) => {
            format!("The provider did not end the grant: {detail}.")
        }
        _ => "What its provider made of it is not known.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tell(kind: &str, data: Value) -> (&'static str, String, String) {
        let Value::Object(data) = data else {
            return ("", String::new(), String::new());
        };
        let (class, label, about) = told(kind, &data);
        (class, label, about.join(" "))
    }

    #[test]
    fn every_kind_of_a_credentials_events_has_its_words() {
        for kind in EventKind::ALL {
            let (_, label, about) = tell(kind, json!({}));
            let is_ours = kind.starts_with("credential.");
            assert_eq!(label != kind && !about.is_empty(), is_ours, "{kind}");
        }
    }

    #[test]
    fn trouble_is_for_now_or_for_good() {
        let of = |status, note: &str| {
            let health = json!({"status": status, "notes": [note]});
            tell("credential.refresh_failed", json!({"health": health}))
        };
        let (class, label, about) = of("error", "The grant is dead.");
        assert_eq!((class, label.as_str()), ("bad", "Stopped working"));
        assert_eq!(about, "The grant is dead.");
        let (class, label, about) = of("warn", "It answered 503.");
        assert_eq!((class, label.as_str()), ("warn", "A refresh failed"));
        assert_eq!(about, "It answered 503. Keyway tries again by itself.");
    }

    #[test]
    fn an_end_says_what_the_provider_made_of_it() {
        let of = |outcome, detail: Option<&str>| {
            let revocation = json!({"outcome": outcome, "detail": detail});
            let (_, _, about) = tell("credential.deleted", json!({"revocation": revocation}));
            about
        };
        assert_eq!(of("revoked", None), "The provider has ended the grant.");
        assert!(of("unsupported", None).contains("no way"));
        assert!(of("superseded", None).contains("connected again"));
        assert_eq!(
            of("failed", Some("timeout")),
            "The provider did not end the grant: timeout."
        );
        assert!(of("unheard of", None).contains("not known"));
    }
}
