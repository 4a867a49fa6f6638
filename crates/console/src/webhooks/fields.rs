//! The fields of an endpoint's forms, and what may stand in them.

use std::collections::BTreeMap;

use keyway_domain::{
    event::EventKind,
    webhook::{self, WebhookUrl},
};
use keyway_store::WebhookEndpoint;
use serde::Deserialize;

/// The form, as it is sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    url: String,
    #[serde(default)]
    description: String,
    /// `chosen` if only some events are wanted.
    #[serde(default)]
    events: String,
    /// The boxes that are ticked, by the names of events.
    #[serde(flatten)]
    ticked: BTreeMap<String, String>,
}

/// The form as a page shows it.
pub(super) struct Typed {
    pub(super) url: String,
    pub(super) description: String,
    /// Only some events are wanted.
    pub(super) chosen: bool,
    pub(super) events: Vec<Choice>,
}

/// An event that can be chosen.
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) ticked: bool,
}

/// What is wrong with each field.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) events: Option<String>,
}

/// A form that can be accepted.
pub(super) struct Checked {
    pub(super) url: WebhookUrl,
    pub(super) description: Option<String>,
    pub(super) events: Option<Vec<EventKind>>,
}

impl Form {
    /// What it says, if all of it can be meant.
    pub(super) fn check(&self) -> Result<Checked, Problems> {
        let url = WebhookUrl::parse(self.url.trim()).map_err(|why| why.to_string());
        let description = webhook::description(&self.description).map_err(str::to_owned);
        let events = match self.events.as_str() {
            "chosen" => webhook::events(self.ticked().map(|(name, _)| name))
                .map(Some)
                .map_err(|why| why.to_string()),
            _ => Ok(None),
        };
        match (url, description, events) {
            (Ok(url), Ok(description), Ok(events)) => Ok(Checked {
                url,
                description,
                events,
            }),
            (url, description, events) => Err(Problems {
                url: url.err(),
                description: description.err(),
                events: events.err(),
            }),
        }
    }

    /// The same again, for a page that says what is wrong.
    pub(super) fn typed(&self) -> Typed {
        Typed {
            url: self.url.clone(),
            description: self.description.clone(),
            chosen: self.events == "chosen",
            events: choices(|name| self.ticked.contains_key(name)),
        }
    }

    /// The form has other fields than these, so only events are looked for.
    fn ticked(&self) -> impl Iterator<Item = (&'static str, &String)> {
        EventKind::ALL
            .into_iter()
            .filter_map(|name| Some((name, self.ticked.get(name)?)))
    }
}

impl Typed {
    /// A form that nobody has filled in.
    pub(super) fn blank() -> Self {
        Self {
            url: String::new(),
            description: String::new(),
            chosen: false,
            events: choices(|name| name != EventKind::CREDENTIAL_REFRESHED.as_str()),
        }
    }

    /// A form that says what is there.
    pub(super) fn of(endpoint: &WebhookEndpoint) -> Self {
        let events = endpoint.events.as_ref();
        Self {
            url: endpoint.url.clone(),
            description: endpoint.description.clone().unwrap_or_default(),
            chosen: events.is_some(),
            events: match events {
                Some(chosen) => choices(|name| chosen.iter().any(|known| known == name)),
                None => Self::blank().events,
            },
        }
    }
}

fn choices(ticked: impl Fn(&str) -> bool) -> Vec<Choice> {
    EventKind::ALL
        .into_iter()
        .map(|name| Choice {
            name,
            ticked: ticked(name),
        })
        .collect()
}
