//! A credential's health, for people.

use keyway_domain::health::HealthStatus;

use crate::flow_log::outcome::Tag;

/// The word for it, and what it means.
pub(crate) fn tag(status: HealthStatus) -> Tag {
    match status {
        HealthStatus::Ok => Tag {
            class: "ok",
            label: "Works",
            meaning: "The last refresh, or the connection itself, succeeded.",
        },
        HealthStatus::Warn => Tag {
            class: "warn",
            label: "Trouble",
            meaning: "The provider failed for now. Keyway tries again by itself.",
        },
        HealthStatus::Error => Tag {
            class: "bad",
            label: "Reconnect",
            meaning: "It does not work any more. The end user must connect again.",
        },
    }
}

/// The states in which somebody looks for credentials, worst first.
pub(crate) const STATES: [HealthStatus; 3] =
    [HealthStatus::Error, HealthStatus::Warn, HealthStatus::Ok];
