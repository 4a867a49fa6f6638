//! What an account has, in numbers.

use keyway_domain::{
    audit::Actor,
    authorization_session::{Failure, NewSession, Step},
    ids::AuthorizationSessionId,
    oauth_error::ErrorCode,
};
use keyway_store::Overview;

use crate::support::{World, new_uri, now, random, seconds};

/// A flow that started so many seconds ago.
fn session(world: &World, ago: i64) -> NewSession {
    let at = now() - seconds(ago);
    NewSession {
        id: AuthorizationSessionId::generate(at, random()),
        ..world.session()
    }
}

async fn fail(world: &World, new: &NewSession) {
    let id = world.start(new).await.id;
    let failure = Failure {
        step: Step::Callback,
        error: ErrorCode::AccessDenied,
        description: String::new(),
        detail: String::new(),
    };
    let failed = world.store.fail_authorization_session(id, &failure, now());
    failed.await.expect("an answer");
}

async fn count(world: &World) -> Overview {
    let counted = world
        .store
        .count_overview(world.account, now() - seconds(60));
    counted.await.expect("numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_has_is_counted() {
    let world = World::new().await;
    world.app_of(world.account, "second").await;
    for path in ["a", "b", "c"] {
        let uri = new_uri(&format!("https://client.example/{path}"));
        let inserted = world
            .store
            .insert_redirect_uri(world.account, &uri, Actor::Operator);
        inserted.await.expect("stored");
    }
    world.connected("workspace").await;
    let counted = count(&world).await;
    assert_eq!(
        (
            counted.oauth_apps,
            counted.redirect_uris,
            counted.credentials
        ),
        (2, 3, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_counts_once_it_is_redeemed() {
    let world = World::new().await;
    world.started().await;
    world.issued("waiting").await;
    assert_eq!(count(&world).await.connected, 0);
    world.connected("workspace").await;
    world.connected("workspace").await;
    let counted = count(&world).await;
    assert_eq!((counted.connected, counted.failed), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flow_counts_as_such() {
    let world = World::new().await;
    world.started().await;
    fail(&world, &world.session()).await;
    let counted = count(&world).await;
    assert_eq!((counted.connected, counted.failed), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_count_from_the_given_moment_on() {
    let world = World::new().await;
    for ago in [61, 60] {
        let issued = world.issue(&session(&world, ago), "workspace").await;
        world.redeem(issued).await.expect("redeemed");
        fail(&world, &session(&world, ago)).await;
    }
    let counted = count(&world).await;
    assert_eq!((counted.connected, counted.failed), (1, 1));
}
