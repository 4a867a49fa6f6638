//! Announcements.

use std::time::Duration;

use futures_util::StreamExt as _;
use keyway_domain::event::EventKind;
use keyway_store::Channel;

use crate::{support::World, webhooks::credential};

/// The next announcement, which must come.
pub async fn heard(stream: &mut (impl futures_util::Stream<Item = ()> + Unpin)) {
    let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
    next.expect("an announcement").expect("without end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_announced_if_somebody_hears_of_it() {
    let world = World::new().await;
    let mut news = world.store.listen(Channel::Webhooks);
    heard(&mut news).await;
    // Nobody hears of the first: it is not announced, or there were two here.
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    world.endpoint().await;
    world
        .event(credential(), EventKind::CREDENTIAL_CREATED)
        .await;
    heard(&mut news).await;
    world.sql("NOTIFY keyway_jobs").await;
    world.sql("NOTIFY keyway_webhooks").await;
    heard(&mut news).await;
    let more = futures_util::FutureExt::now_or_never(news.next());
    assert_eq!(more, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_made_again() {
    let world = World::new().await;
    let mut news = world.store.listen(Channel::Jobs);
    heard(&mut news).await;
    world
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN keyway_jobs'")
        .await;
    heard(&mut news).await;
    world.sql("NOTIFY keyway_jobs").await;
    heard(&mut news).await;
}
