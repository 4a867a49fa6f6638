//! How a flow ended, for people.

use chrono::{DateTime, Utc};
use keyway_catalogue::AccountProviders;
use keyway_domain::authorization_code;
use keyway_store::{Flow, FlowOutcome};

use crate::moment::Moment;

/// A word, and the class of its colour: the word alone says it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) class: &'static str,
    pub(crate) label: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
}

/// A flow in a list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) started: Moment,
    pub(crate) provider: String,
    pub(crate) app: Option<String>,
    pub(crate) tag: Tag,
    /// The external account, or the error.
    pub(crate) what: String,
}

/// How the flow stands.
pub(crate) fn tag(flow: &Flow, now: DateTime<Utc>) -> Tag {
    match flow.outcome(now) {
        FlowOutcome::Connected if flow.ends_hosted() => Tag {
            class: "ok",
            label: "Connected",
            meaning: "The credential is made.",
        },
        FlowOutcome::Connected => Tag {
            class: "ok",
            label: "Connected",
            meaning: "The client backend has the credential.",
        },
        FlowOutcome::Failed => Tag {
            class: "bad",
            label: "Failed",
            meaning: "Nothing was connected.",
        },
        FlowOutcome::Abandoned if flow.claimed_at.is_some() => Tag {
            class: "bad",
            label: "Interrupted",
            meaning: "The end user came back, and the gateway stopped before the exchange had ended.",
        },
        FlowOutcome::Abandoned => Tag {
            class: "quiet",
            label: "Abandoned",
            meaning: "The end user did not come back from the provider in time.",
        },
        FlowOutcome::Issued if code_is_open(flow, now) => Tag {
            class: "open",
            label: "Granted",
            meaning: "The provider granted. The client backend has not redeemed the code yet.",
        },
        FlowOutcome::Issued => Tag {
            class: "warn",
            label: "Not redeemed",
            meaning: "The provider granted, but the client backend never redeemed the code at POST /link/oauth2/token. The grant is revoked and erased.",
        },
        FlowOutcome::Open => Tag {
            class: "open",
            label: "Under way",
            meaning: "The end user is at the provider, or fills in what the provider needs to know.",
        },
    }
}

/// Whether the code that was issued can still be redeemed.
pub(super) fn code_is_open(flow: &Flow, now: DateTime<Utc>) -> bool {
    flow.completed_at
        .is_some_and(|at| at + authorization_code::LIFETIME > now)
}

/// The flow as it is listed.
pub(crate) fn row(providers: &AccountProviders, flow: Flow, now: DateTime<Utc>) -> Row {
    let tag = tag(&flow, now);
    let error = flow.error_description.or(flow.error);
    Row {
        id: flow.id.to_string(),
        started: Moment::new(flow.created_at, now),
        provider: providers.name(&flow.provider),
        app: flow.app_name,
        what: error.or(flow.external_label).unwrap_or_default(),
        tag,
    }
}
