//! What admins ask for in the console, done by gateways.

use std::time::Duration;

use keyway_domain::{
    Clock as _,
    ids::{AdminId, CredentialId, JobId},
    job::{JobKind, JobOutcome},
    random::OsRandom,
};
use keyway_gateway::lifecycle::jobs;
use keyway_store::{Asked, Job, JobState, NewJob};
use keyway_testkit::lab::{Endpoint, Fault};

use crate::backend::Backend;

impl Backend {
    async fn ask(&self, kind: JobKind, credential_id: CredentialId) -> AdminId {
        let now = self.gateway.clock.now();
        let new = NewJob {
            id: JobId::generate(now, &OsRandom),
            account_id: self.gateway.account,
            kind,
            credential_id,
            admin_id: AdminId::generate(now, &OsRandom),
            created_at: now,
        };
        let asked = self.gateway.app.store.insert_job(&new).await;
        assert_eq!(asked.expect("an answer"), Asked::Accepted);
        new.admin_id
    }

    async fn job(&self, credential: CredentialId) -> Job {
        let (store, now) = (&self.gateway.app.store, self.gateway.clock.now());
        let jobs = store.list_credential_jobs(self.gateway.account, credential, 1, now);
        jobs.await.expect("a list").remove(0)
    }

    /// Has the wish fulfilled; how that ended.
    async fn fulfil(&self, kind: JobKind, id: CredentialId) -> (JobOutcome, Option<String>) {
        self.ask(kind, id).await;
        assert!(jobs::once(&self.gateway.app).await.expect("an answer"));
        assert!(!jobs::once(&self.gateway.app).await.expect("an answer"));
        let job = self.job(id).await;
        match job.state {
            JobState::Ended(outcome, _) => (outcome, job.detail),
            state => panic!("not ended: {state:?}"),
        }
    }
}

fn failed(why: &str) -> (JobOutcome, Option<String>) {
    (JobOutcome::Failed, Some(why.to_owned()))
}

const DONE: (JobOutcome, Option<String>) = (JobOutcome::Done, None);

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_brings_new_tokens_though_the_old_are_fresh() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let before = backend.good(&backend.read(id).await);
    assert_eq!(backend.fulfil(JobKind::Refresh, id).await, DONE);
    assert_eq!(backend.refreshes(), 1);
    assert_ne!(backend.good(&backend.read(id).await), before);
    assert_eq!(backend.events().await, ["credential.refreshed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_fails_says_why_in_our_words() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let down = Fault::Status(503);
    backend.gateway.lab.fail("snyk", Endpoint::Refresh, down);
    let later = failed("The provider failed. Try again later.");
    assert_eq!(backend.fulfil(JobKind::Refresh, id).await, later);
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    backend.gateway.lab.end_all("snyk");
    let dead = failed("The end user must reconnect.");
    assert_eq!(backend.fulfil(JobKind::Refresh, id).await, dead);
    assert_eq!(backend.fulfil(JobKind::Refresh, id).await, dead, "again");
    assert_eq!(backend.refreshes(), 1, "the provider is not asked twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_refreshed_is_told() {
    let backend = Backend::of("github").await;
    let id = backend.connect().await;
    let why = failed("There is nothing to refresh this credential with.");
    assert_eq!(backend.fulfil(JobKind::Refresh, id).await, why);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_ends_the_grant_and_keeps_the_credential() {
    let backend = Backend::of("linear").await;
    let id = backend.connect().await;
    let token = backend.good(&backend.read(id).await);
    assert_eq!(backend.fulfil(JobKind::Revoke, id).await, DONE);
    assert!(!backend.gateway.lab.is_live(&token));
    assert_eq!(backend.events().await, ["credential.revoked"]);
    assert_eq!(backend.read(id).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_revoke_is_told_of() {
    let backend = Backend::of("linear").await;
    let id = backend.connect().await;
    let down = Fault::Status(503);
    backend.gateway.lab.fail("linear", Endpoint::Revoke, down);
    let (outcome, why) = backend.fulfil(JobKind::Revoke, id).await;
    assert_eq!(outcome, JobOutcome::Failed);
    let why = why.expect("a reason");
    assert!(
        why.starts_with("The provider did not end the grant: the provider answered 503"),
        "{why}"
    );
    // Nothing has changed.
    backend.good(&backend.read(id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_on_record_with_the_admin_who_asked() {
    let backend = Backend::of("linear").await;
    let id = backend.connect().await;
    let admin = backend.ask(JobKind::Delete, id).await;
    assert!(jobs::once(&backend.gateway.app).await.expect("an answer"));
    let now = backend.gateway.clock.now();
    let state = JobState::Ended(JobOutcome::Done, now);
    assert_eq!(backend.job(id).await.state, state);
    assert_eq!(backend.read(id).await.status, 404);
    assert_eq!(backend.events().await, ["credential.deleted"]);
    let by = format!(
        "SELECT count(*) FROM audit_events
         WHERE action = 'credential.deleted' AND actor_kind = 'admin' AND actor_id = '{admin}' AND subject_id = '{id}'"
    );
    assert_eq!(backend.gateway.sql(&by).await, ["1"]);
    let revoked =
        "SELECT data -> 'revocation' ->> 'outcome' FROM events WHERE kind = 'credential.deleted'";
    assert_eq!(backend.gateway.sql(revoked).await, ["revoked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_what_is_gone_meanwhile_ends() {
    let backend = Backend::of("linear").await;
    let id = backend.connect().await;
    let ended = async |kind| {
        backend.ask(kind, id).await;
    };
    ended(JobKind::Delete).await;
    ended(JobKind::Refresh).await;
    ended(JobKind::Revoke).await;
    for _ in 0..3 {
        assert!(jobs::once(&backend.gateway.app).await.expect("an answer"));
    }
    let outcomes = "SELECT kind || ' ' || outcome FROM jobs ORDER BY kind";
    let outcomes = backend.gateway.sql(outcomes).await;
    assert!(outcomes.contains(&"delete done".to_owned()), "{outcomes:?}");
    assert_eq!(outcomes.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_runs_hears_of_a_wish_and_ends_it_before_it_stops() {
    let backend = Backend::of("snyk").await;
    let id = backend.connect().await;
    let app = &backend.gateway.app;
    let working = tokio::spawn(jobs::run(app.clone()));
    backend.ask(JobKind::Refresh, id).await;
    let done = async {
        while !matches!(backend.job(id).await.state, JobState::Ended(..)) {
            tokio::task::yield_now().await;
        }
    };
    let within = Duration::from_secs(20);
    tokio::time::timeout(within, done).await.expect("in time");
    assert_eq!(backend.refreshes(), 1);
    app.stop.cancel();
    let stopped = tokio::time::timeout(within, working).await;
    stopped.expect("in time").expect("stopped");
}
