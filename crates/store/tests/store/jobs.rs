//! Jobs: what admins ask of credentials, each done by one gateway.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    ids::{AdminId, CredentialId, JobId},
    job::{JobKind, JobOutcome},
};
use keyway_store::{Asked, Channel, Job, JobState, NewJob, TakenJob};
use serde_json::json;

use crate::{
    listen::heard,
    support::{CROWD, World, instant, now, random, seconds},
};

fn new(world: &World, kind: JobKind, credential_id: CredentialId) -> NewJob {
    NewJob {
        id: JobId::generate(now(), random()),
        account_id: world.account,
        kind,
        credential_id,
        admin_id: AdminId::generate(now(), random()),
        created_at: now(),
    }
}

async fn ask(world: &World, new: &NewJob) -> Asked {
    world.store.insert_job(new).await.expect("an answer")
}

/// A credential, and a wish for it.
async fn asked(world: &World, external: &str, kind: JobKind) -> NewJob {
    let redeemed = world.connected(external).await;
    let new = new(world, kind, redeemed.credential_id);
    assert_eq!(ask(world, &new).await, Asked::Accepted);
    new
}

async fn take(world: &World, at: DateTime<Utc>) -> Option<TakenJob> {
    world.store.take_job(at).await.expect("an answer")
}

async fn finish(world: &World, job: &TakenJob, at: DateTime<Utc>) -> bool {
    let store = &world.store;
    let finished = store.finish_job(job, JobOutcome::Failed, Some("Why."), at);
    finished.await.expect("an answer")
}

async fn list(world: &World, credential: CredentialId, at: DateTime<Utc>) -> Vec<Job> {
    let store = &world.store;
    let listed = store.list_credential_jobs(world.account, credential, 10, at);
    listed.await.expect("a list")
}

fn lease() -> TimeDelta {
    seconds(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_for_taken_and_finished() {
    let world = World::new().await;
    let new = asked(&world, "workspace", JobKind::Refresh).await;
    let mut expected = Job {
        id: new.id,
        kind: JobKind::Refresh,
        created_at: now(),
        state: JobState::Waiting,
        detail: None,
    };
    assert_eq!(
        list(&world, new.credential_id, now()).await,
        [expected.clone()]
    );

    let taken = take(&world, now()).await.expect("a job");
    assert_eq!((taken.id, taken.kind), (new.id, new.kind));
    assert_eq!(taken.account_id, world.account);
    assert_eq!(taken.credential_id, new.credential_id);
    assert_eq!(taken.admin_id, new.admin_id);
    expected.state = JobState::UnderWay;
    assert_eq!(
        list(&world, new.credential_id, now()).await,
        [expected.clone()]
    );

    let end = now() + seconds(2);
    assert!(finish(&world, &taken, end).await);
    expected.state = JobState::Ended(JobOutcome::Failed, end);
    expected.detail = Some("Why.".into());
    assert_eq!(list(&world, new.credential_id, end).await, [expected]);
    assert!(!finish(&world, &taken, end).await, "twice");
    assert!(take(&world, end + lease()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_is_on_record_with_who_asked() {
    let world = World::new().await;
    let new = asked(&world, "workspace", JobKind::Delete).await;
    let audited = world.audited("credential.delete_asked").await;
    assert_eq!(audited, [json!({"job_id": new.id})]);
    let by = format!(
        "audit_events WHERE actor_kind = 'admin' AND actor_id = '{}' AND subject_id = '{}'",
        new.admin_id, new.credential_id
    );
    assert_eq!(world.count(&by).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_hear_of_a_wish_once_it_is_committed() {
    let world = World::new().await;
    let mut calls = world.other_store.listen(Channel::Jobs);
    heard(&mut calls).await;
    asked(&world, "workspace", JobKind::Refresh).await;
    heard(&mut calls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_not_asked_twice_until_it_is_finished() {
    let world = World::new().await;
    let first = asked(&world, "workspace", JobKind::Refresh).await;
    let again = || new(&world, JobKind::Refresh, first.credential_id);
    assert_eq!(ask(&world, &again()).await, Asked::Already);
    let other = NewJob {
        id: JobId::generate(now() + seconds(1), random()),
        ..new(&world, JobKind::Revoke, first.credential_id)
    };
    assert_eq!(ask(&world, &other).await, Asked::Accepted);
    let taken = take(&world, now()).await.expect("the first");
    assert_eq!(ask(&world, &again()).await, Asked::Already, "under way");
    assert!(finish(&world, &taken, now()).await);
    assert_eq!(ask(&world, &again()).await, Asked::Accepted);
    assert_eq!(world.audited("credential.refresh_asked").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_for_what_is_not_theirs_or_not_there() {
    let world = World::new().await;
    let redeemed = world.connected("workspace").await;
    let stranger = world.account("stranger").await;
    let theirs = NewJob {
        account_id: stranger,
        ..new(&world, JobKind::Delete, redeemed.credential_id)
    };
    assert_eq!(ask(&world, &theirs).await, Asked::Unknown);
    let unknown = CredentialId::generate(now(), random());
    let nowhere = new(&world, JobKind::Delete, unknown);
    assert_eq!(ask(&world, &nowhere).await, Asked::Unknown);
    assert_eq!(world.count("jobs").await, 0);
    let asked = new(&world, JobKind::Delete, redeemed.credential_id);
    assert_eq!(ask(&world, &asked).await, Asked::Accepted);
    let listed = world
        .store
        .list_credential_jobs(stranger, redeemed.credential_id, 10, now());
    assert!(listed.await.expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_gateway_died_is_taken_by_another() {
    let world = World::new().await;
    let new = asked(&world, "workspace", JobKind::Refresh).await;
    let first = take(&world, now()).await.expect("a job");
    assert!(take(&world, now() + lease() - instant()).await.is_none());
    let later = now() + lease();
    let second = take(&world, later).await.expect("the job again");
    assert_eq!(second.id, first.id);
    assert!(
        !finish(&world, &first, later).await,
        "the lease is another's"
    );
    assert!(finish(&world, &second, later).await);
    assert_eq!(list(&world, new.credential_id, later).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_late_and_has_no_successor_still_finishes() {
    let world = World::new().await;
    let new = asked(&world, "workspace", JobKind::Refresh).await;
    let taken = take(&world, now()).await.expect("a job");
    let late = now() + lease() + seconds(1);
    let state = list(&world, new.credential_id, late).await[0].state;
    assert_eq!(state, JobState::Waiting);
    assert!(finish(&world, &taken, late).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_three_gateways_died_with_has_failed() {
    let world = World::new().await;
    let new = asked(&world, "workspace", JobKind::Refresh).await;
    let mut at = now();
    for _ in 0..3 {
        assert!(take(&world, at).await.is_some());
        at += lease();
    }
    assert!(take(&world, at).await.is_none());
    let job = list(&world, new.credential_id, at).await.remove(0);
    assert_eq!(job.state, JobState::Ended(JobOutcome::Failed, at));
    assert_eq!(
        job.detail.as_deref(),
        Some("No gateway lived long enough to finish it. Ask again.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_wishes_at_once_one_is_kept() {
    let world = World::new().await;
    let credential = world.connected("workspace").await.credential_id;
    let job = new(&world, JobKind::Refresh, credential);
    let asked = world
        .race(|_, store| {
            let job = NewJob {
                id: JobId::generate(now(), random()),
                ..job.clone()
            };
            async move { store.insert_job(&job).await.expect("an answer") }
        })
        .await;
    let accepted = asked.iter().filter(|asked| **asked == Asked::Accepted);
    assert_eq!(accepted.count(), 1);
    assert_eq!(world.count("jobs").await, 1);
    assert_eq!(world.audited("credential.refresh_asked").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_gateways_each_gets_another_job() {
    let world = World::new().await;
    for number in 0..CROWD / 2 {
        asked(&world, &format!("workspace-{number}"), JobKind::Refresh).await;
    }
    let taken = world
        .race(|_, store| async move { store.take_job(now()).await.expect("an answer") })
        .await;
    let mut ids: HashSet<_> = HashSet::new();
    for job in taken.iter().flatten() {
        assert!(ids.insert(job.id.uuid()), "taken twice");
    }
    // Who found the others at work went home: what is left, the next one takes.
    while let Some(job) = take(&world, now()).await {
        assert!(ids.insert(job.id.uuid()), "taken twice");
    }
    assert_eq!(ids.len(), CROWD / 2);
}
