//! What admins asked of a credential, and how it stands.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::job::{JobKind, JobOutcome};
use keyway_store::{Job, JobState};

use crate::{App, error::PageError, flow_log::outcome::Tag, moment::Moment, session::Session};

/// How many are shown at most.
const SHOWN: i64 = 3;
/// For how long they are shown.
const NEWS: TimeDelta = TimeDelta::hours(24);
/// A gateway takes a job at once; if none has after this time, something is wrong.
const PATIENCE: TimeDelta = TimeDelta::seconds(20);
/// For how long the page looks again by itself.
const WATCHED: TimeDelta = TimeDelta::seconds(60);

/// What was asked lately.
pub(super) struct Asked {
    pub(super) rows: Vec<Row>,
    /// Something is under way: the page looks again by itself.
    pub(super) is_watched: bool,
}

/// A job as the page shows it.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) tag: Tag,
    /// Why it failed, or why nothing happens.
    pub(super) detail: Option<String>,
    pub(super) at: Moment,
}

/// What was asked of a credential lately, newest first.
pub(super) async fn asked(
    app: &App,
    session: &Session,
    credential: keyway_domain::ids::CredentialId,
    now: DateTime<Utc>,
) -> Result<Asked, PageError> {
    let jobs = app
        .store
        .list_credential_jobs(session.account(), credential, SHOWN, now)
        .await?;
    let lately = |job: &&Job| job.created_at > now - NEWS;
    Ok(Asked {
        is_watched: jobs.iter().any(|job| is_watched(job, now)),
        rows: jobs
            .iter()
            .filter(lately)
            .map(|job| row(job, now))
            .collect(),
    })
}

fn is_watched(job: &Job, now: DateTime<Utc>) -> bool {
    !matches!(job.state, JobState::Ended(..)) && job.created_at > now - WATCHED
}

fn row(job: &Job, now: DateTime<Utc>) -> Row {
    let (tag, at) = match job.state {
        JobState::Waiting => (WAITING, job.created_at),
        JobState::UnderWay => (UNDER_WAY, job.created_at),
        JobState::Ended(JobOutcome::Done, at) => (DONE, at),
        JobState::Ended(JobOutcome::Failed, at) => (FAILED, at),
    };
    let is_ignored = job.state == JobState::Waiting && job.created_at <= now - PATIENCE;
    let ignored = is_ignored.then(|| "No gateway has taken it yet. Is one running?".to_owned());
    Row {
        what: match job.kind {
            JobKind::Refresh => "Refresh",
            JobKind::Revoke => "Revocation",
            JobKind::Delete => "Deletion",
        },
        tag,
        detail: job.detail.clone().or(ignored),
        at: Moment::new(at, now),
    }
}

const WAITING: Tag = Tag {
    class: "open",
    label: "Asked for",
    meaning: "A gateway takes it up.",
};
const UNDER_WAY: Tag = Tag {
    class: "open",
    label: "Under way",
    meaning: "A gateway is at it.",
};
const DONE: Tag = Tag {
    class: "ok",
    label: "Done",
    meaning: "As it was asked.",
};
const FAILED: Tag = Tag {
    class: "bad",
    label: "Failed",
    meaning: "Not as it was asked.",
};
