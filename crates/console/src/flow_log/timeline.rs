//! The steps of one flow, each with what became of it.

use chrono::{DateTime, Utc};
use keyway_domain::authorization_session::Step as Name;
use keyway_store::{Flow, FlowOutcome};

use crate::{
    flow_log::outcome,
    moment::{Moment, span},
};

/// A step as the page shows it.
pub(crate) struct Step {
    pub(crate) label: &'static str,
    /// What happens in it.
    pub(crate) about: &'static str,
    pub(crate) state: State,
    pub(crate) at: Option<Moment>,
    /// Since the flow began.
    pub(crate) after: Option<String>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Done,
    Failed,
    /// It is its turn.
    Waiting,
    /// It began, and nobody knows how it ended.
    Interrupted,
    /// Its turn never came.
    Missed,
    /// Its turn has not come.
    Ahead,
}

impl State {
    /// The class of its mark.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Failed | Self::Interrupted => "bad",
            Self::Waiting => "open",
            Self::Missed | Self::Ahead => "quiet",
        }
    }

    /// The word for it: the mark's colour says nothing that this does not.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
            Self::Missed => "not reached",
            Self::Ahead => "to come",
        }
    }
}

/// The steps that flows are made of, and when this one passed each. The exchange and the identity
/// calls have no moment of their own: they lie between the callback and the end.
pub(crate) fn of(flow: &Flow, now: DateTime<Utc>) -> Vec<Step> {
    let hosted = flow.ends_hosted();
    let mut stages = vec![
        (
            Name::Start.as_str(),
            "Start",
            if flow.link_session_id.is_some() {
                "The end user goes on from the page of a link session."
            } else {
                "The client sends the browser to Keyway."
            },
            started(flow),
        ),
        (
            Name::Callback.as_str(),
            "Callback",
            "The provider sends the browser back.",
            flow.claimed_at,
        ),
        (
            Name::Exchange.as_str(),
            "Exchange",
            "Keyway trades the provider’s code for tokens.",
            flow.completed_at,
        ),
        (
            Name::Identity.as_str(),
            "Identity",
            "Keyway asks whose the tokens are.",
            flow.completed_at,
        ),
        (
            Name::Complete.as_str(),
            "Complete",
            if hosted {
                "The grant is sealed, and the credential made."
            } else {
                "The grant is sealed, and a code sent to the redirect URI."
            },
            flow.completed_at,
        ),
    ];
    if !hosted {
        stages.push((
            "redeem",
            "Redeemed by the client backend",
            "The code is traded for the credential.",
            flow.redeemed_at,
        ));
    }
    let failed_step = flow.failed_step.as_deref();
    let failed_at = stages
        .iter()
        .position(|(name, ..)| Some(*name) == failed_step);
    let mut first = Some(match flow.outcome(now) {
        FlowOutcome::Open => State::Waiting,
        FlowOutcome::Issued if outcome::code_is_open(flow, now) => State::Waiting,
        FlowOutcome::Abandoned if flow.claimed_at.is_some() => State::Interrupted,
        _ => State::Missed,
    });
    let others = match first {
        Some(State::Waiting) => State::Ahead,
        _ => State::Missed,
    };
    stages
        .into_iter()
        .enumerate()
        .map(|(number, (name, label, about, at))| {
            let before_failure = failed_at.is_some_and(|failed| number < failed);
            let (state, at) = if Some(name) == failed_step {
                (State::Failed, flow.failed_at)
            } else if at.is_some() || before_failure {
                (State::Done, at)
            } else {
                (first.take().unwrap_or(others), None)
            };
            // The exchange and the identity calls share the moment of the end: say it once.
            let at = at.filter(|_| {
                state == State::Failed
                    || (name != Name::Exchange.as_str() && name != Name::Identity.as_str())
            });
            Step {
                label,
                about,
                state,
                after: at
                    .filter(|_| number > 0)
                    .map(|at| span(flow.created_at, at)),
                at: at.map(|at| Moment::new(at, now)),
            }
        })
        .collect()
}

/// A start that was refused is no start.
fn started(flow: &Flow) -> Option<DateTime<Utc>> {
    let refused = flow.failed_step.as_deref() == Some(Name::Start.as_str());
    (!refused).then_some(flow.created_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use keyway_domain::ids::AuthorizationSessionId;

    fn flow() -> Flow {
        let start = DateTime::UNIX_EPOCH;
        Flow {
            id: AuthorizationSessionId::generate(start, &keyway_domain::random::OsRandom),
            oauth_app_id: None,
            app_name: None,
            provider: "linear".into(),
            redirect_uri: None,
            link_session_id: None,
            scope: String::new(),
            scope_source: None,
            variables: std::collections::BTreeMap::default(),
            external_label: None,
            created_at: start,
            expires_at: start + TimeDelta::minutes(10),
            claimed_at: None,
            completed_at: None,
            redeemed_at: None,
            failed_at: None,
            failed_step: None,
            error: None,
            error_description: None,
            error_detail: None,
        }
    }

    fn states(flow: &Flow, seconds: i64) -> Vec<&'static str> {
        let now = flow.created_at + TimeDelta::seconds(seconds);
        let steps = of(flow, now);
        steps.iter().map(|step| step.state.label()).collect()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_flow_passes_its_steps_in_order() {
        let mut flow = flow();
        let (done, waits, ahead) = ("done", "waiting", "to come");
        assert_eq!(states(&flow, 1), [done, waits, ahead, ahead, ahead, ahead]);
        flow.claimed_at = Some(at(2));
        assert_eq!(states(&flow, 2), [done, done, waits, ahead, ahead, ahead]);
        flow.completed_at = Some(at(3));
        assert_eq!(states(&flow, 3), [done, done, done, done, done, waits]);
        let too_late = states(&flow, 63);
        assert_eq!(too_late, [done, done, done, done, done, "not reached"]);
        flow.redeemed_at = Some(at(4));
        assert_eq!(states(&flow, 4), [done; 6]);
    }

    #[test]
    fn a_flow_that_ends_hosted_has_no_code_to_redeem() {
        let mut flow = flow();
        let id = keyway_domain::ids::LinkSessionId::generate(
            flow.created_at,
            &keyway_domain::random::OsRandom,
        );
        flow.link_session_id = Some(id);
        flow.claimed_at = Some(at(2));
        flow.completed_at = Some(at(3));
        assert_eq!(states(&flow, 3), ["done"; 5]);
        assert_eq!(flow.outcome(at(3)), FlowOutcome::Connected);
    }

    #[test]
    fn what_comes_after_a_failure_was_not_reached() {
        let mut flow = flow();
        let (done, failed, missed) = ("done", "failed", "not reached");
        flow.failed_at = Some(at(5));
        flow.failed_step = Some("start".into());
        assert_eq!(
            states(&flow, 9),
            [failed, missed, missed, missed, missed, missed]
        );
        flow.claimed_at = Some(at(2));
        flow.failed_step = Some("identity".into());
        assert_eq!(states(&flow, 9), [done, done, done, failed, missed, missed]);
        let steps = of(&flow, flow.created_at);
        let after: Vec<_> = steps.iter().map(|step| step.after.as_deref()).collect();
        assert_eq!(
            after,
            [None, Some("2.0 s"), None, Some("5.0 s"), None, None]
        );
    }

    #[test]
    fn who_does_not_come_back_misses_the_rest() {
        let missed = "not reached";
        assert_eq!(
            states(&flow(), 600),
            ["done", missed, missed, missed, missed, missed]
        );
        let mut interrupted = flow();
        interrupted.claimed_at = Some(at(9));
        assert_eq!(
            states(&interrupted, 600),
            ["done", "done", "interrupted", missed, missed, missed]
        );
    }
}
