//! How endpoints and deliveries stand, for people.

use chrono::{DateTime, Utc};
use keyway_store::{DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint};

use crate::{flow_log::outcome::Tag, moment::Moment};

/// A delivery in a list, or on its own page.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) tag: Tag,
    pub(super) attempts: u32,
    pub(super) happened: Moment,
    pub(super) last_attempt: Option<Moment>,
    pub(super) next_attempt: Option<Moment>,
    /// What the endpoint answered last, or why it did not.
    pub(super) answer: Option<String>,
    /// Whether it can be sent again.
    pub(super) open: bool,
}

/// How an endpoint stands.
pub(super) fn endpoint(endpoint: &WebhookEndpoint) -> Tag {
    match endpoint.disabled.map(|disabled| disabled.reason) {
        None => Tag {
            class: "ok",
            label: "Enabled",
            meaning: "It hears of what happens.",
        },
        Some(DisabledReason::ByHand) => Tag {
            class: "quiet",
            label: "Disabled",
            meaning: "It hears of nothing. What waits for it goes on waiting.",
        },
        Some(DisabledReason::Gone) => Tag {
            class: "bad",
            label: "Gone",
            meaning: "It answered 410 Gone, and was disabled: it does not want to hear of anything any more.",
        },
    }
}

/// How a delivery stands.
pub(super) fn delivery(delivery: &WebhookDelivery) -> Tag {
    match delivery.state {
        DeliveryState::Delivered => Tag {
            class: "ok",
            label: "Delivered",
            meaning: "The endpoint has it.",
        },
        DeliveryState::Dead => Tag {
            class: "bad",
            label: "Given up",
            meaning: "It failed for three days, or the endpoint is gone. Nobody tries again unless you do.",
        },
        DeliveryState::Pending if delivery.attempts == 0 => Tag {
            class: "open",
            label: "Waiting",
            meaning: "It waits for its turn: events of one credential go out one after the other.",
        },
        DeliveryState::Pending => Tag {
            class: "warn",
            label: "Retrying",
            meaning: "It failed, and is tried again for three days after the event.",
        },
    }
}

/// The delivery as it is listed.
pub(super) fn row(listed: WebhookDelivery, now: DateTime<Utc>) -> Row {
    let pending = listed.state == DeliveryState::Pending;
    Row {
        id: listed.id.to_string(),
        tag: delivery(&listed),
        attempts: listed.attempts,
        happened: Moment::new(listed.created_at, now),
        last_attempt: listed.last_attempt_at.map(|at| Moment::new(at, now)),
        next_attempt: pending.then(|| Moment::new(listed.next_attempt_at, now)),
        answer: listed
            .last_error
            .or_else(|| listed.last_status.map(|status| format!("{status}"))),
        open: listed.state != DeliveryState::Delivered,
        kind: listed.kind,
    }
}
