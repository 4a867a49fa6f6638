//! The flow log: what became of each attempt.

use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_session::{Failure, LIFETIME, NewSession, Step},
    ids::AuthorizationSessionId,
    oauth_error::ErrorCode,
};
use keyway_store::{Flow, FlowOutcome};

use crate::support::{World, instant, now, random, seconds, values};

async fn flow(world: &World, id: AuthorizationSessionId) -> Flow {
    let found = world.store.find_flow(world.account, id).await;
    found.expect("an answer").expect("the flow")
}

async fn outcome(world: &World, id: AuthorizationSessionId, at: DateTime<Utc>) -> FlowOutcome {
    flow(world, id).await.outcome(at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_shows_what_was_asked_for() {
    let world = World::new().await;
    let started = world.started().await;
    let flow = flow(&world, started.id).await;
    assert_eq!(flow.id, started.id);
    assert_eq!(flow.oauth_app_id, Some(world.app));
    assert_eq!(flow.app_name.as_deref(), Some("App client"));
    assert_eq!(flow.provider, "linear");
    assert_eq!(
        flow.redirect_uri.as_deref(),
        Some("https://client.example/cb")
    );
    assert_eq!(flow.scope, "read write");
    assert_eq!(flow.scope_source.as_deref(), Some("catalogue"));
    assert_eq!(flow.variables, values(&[("shop", "acme.example")]));
    assert_eq!(
        (flow.created_at, flow.expires_at),
        (now(), now() + LIFETIME)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_flow_is_none() {
    let world = World::new().await;
    world.started().await;
    let unknown = AuthorizationSessionId::generate(now(), random());
    let found = world.store.find_flow(world.account, unknown).await;
    assert!(found.expect("an answer").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_shows_the_moment_of_each_step() {
    let world = World::new().await;
    let issued = world.issued("workspace").await;
    let later = now() + seconds(5);
    let redeemed = world
        .store
        .redeem_authorization_code(issued.code, world.app, None, later);
    redeemed.await.expect("an answer").expect("redeemed");
    let flow = flow(&world, issued.session).await;
    assert_eq!(flow.claimed_at, Some(now()));
    assert_eq!(flow.completed_at, Some(now()));
    assert_eq!(flow.redeemed_at, Some(later));
    assert_eq!(flow.failed_at, None);
    assert_eq!(flow.external_label.as_deref(), Some("Label of workspace"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_outlives_its_app() {
    let world = World::new().await;
    let started = world.started().await;
    world.sql("DELETE FROM oauth_apps").await;
    let flow = flow(&world, started.id).await;
    assert_eq!((flow.oauth_app_id, flow.app_name), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_flow_of_one_moment_once_newest_first() {
    let world = World::new().await;
    let mut started = Vec::new();
    for _ in 0..23 {
        started.push(world.started().await.id);
    }
    started.sort();
    started.reverse();
    let mut pages = Vec::new();
    for expected in started.chunks(5).chain([&[][..]]) {
        let before = pages.last().copied();
        let page = world.store.list_flows(world.account, before, 5).await;
        let ids = page.expect("a page").into_iter().map(|row| row.id);
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids, expected);
        pages.extend(ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn later_flows_come_first() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for after in [2, 3, 1] {
        let at = now() + seconds(after);
        let new = NewSession {
            id: AuthorizationSessionId::generate(at, random()),
            created_at: at,
            ..world.session()
        };
        ids.push(world.start(&new).await.id);
    }
    let listed = world.store.list_flows(world.account, None, 10).await;
    let listed: Vec<_> = listed
        .expect("a list")
        .into_iter()
        .map(|flow| flow.id)
        .collect();
    assert_eq!(listed, [ids[1], ids[0], ids[2]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_open_until_its_end_and_abandoned_at_it() {
    let world = World::new().await;
    let started = world.started().await;
    let end = now() + LIFETIME;
    assert_eq!(
        outcome(&world, started.id, end - instant()).await,
        FlowOutcome::Open
    );
    assert_eq!(
        outcome(&world, started.id, end).await,
        FlowOutcome::Abandoned
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_flow_that_did_not_end_is_abandoned() {
    let world = World::new().await;
    let claimed = world.claimed().await;
    assert_eq!(outcome(&world, claimed, now()).await, FlowOutcome::Open);
    let end = now() + LIFETIME;
    assert_eq!(outcome(&world, claimed, end).await, FlowOutcome::Abandoned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_flow_is_issued_however_late_it_is() {
    let world = World::new().await;
    let issued = world.issued("workspace").await;
    let late = now() + seconds(86_400);
    assert_eq!(
        outcome(&world, issued.session, now()).await,
        FlowOutcome::Issued
    );
    assert_eq!(
        outcome(&world, issued.session, late).await,
        FlowOutcome::Issued
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redeemed_flow_is_connected() {
    let world = World::new().await;
    let issued = world.issued("workspace").await;
    world.redeem(issued).await.expect("redeemed");
    let late = now() + seconds(86_400);
    assert_eq!(
        outcome(&world, issued.session, late).await,
        FlowOutcome::Connected
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flow_is_failed() {
    let world = World::new().await;
    let started = world.started().await;
    let failure = Failure {
        step: Step::Callback,
        error: ErrorCode::AccessDenied,
        description: String::new(),
        detail: String::new(),
    };
    let failed = world
        .store
        .fail_authorization_session(started.id, &failure, now());
    failed.await.expect("an answer");
    assert_eq!(
        outcome(&world, started.id, now()).await,
        FlowOutcome::Failed
    );
}
