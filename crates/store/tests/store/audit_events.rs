//! The audit log.

use keyway_domain::{
    audit::{Actor, AuditEvent},
    ids::{AccountId, AdminId, ApiTokenId},
};
use serde_json::json;

use crate::support::{World, now, random, seconds};

fn event(account: Option<AccountId>, actor: Actor, action: &'static str) -> AuditEvent {
    AuditEvent {
        account_id: account,
        actor,
        action,
        subject: None,
        detail: json!({"actor": actor.kind()}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_actor_is_kept_with_its_id() {
    let world = World::new().await;
    let actors = [
        Actor::Operator,
        Actor::Admin(AdminId::generate(now(), random())),
        Actor::Client(world.app),
        Actor::ApiToken(ApiTokenId::generate(now(), random())),
        Actor::System,
    ];
    for actor in actors {
        let event = event(Some(world.account), actor, "thing.done");
        world
            .store
            .insert_audit_event(&event, now())
            .await
            .expect("stored");
        let of_actor = match actor.id() {
            Some(id) => format!("actor_id = '{id}'"),
            None => "actor_id IS NULL".to_owned(),
        };
        let kept = format!(
            "audit_events WHERE action = 'thing.done' AND actor_kind = '{}' AND {of_actor}",
            actor.kind()
        );
        assert_eq!(world.count(&kept).await, 1, "{actor:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_newest_first_and_at_most_as_many_as_wanted() {
    let world = World::new().await;
    for (after, action) in [(2, "thing.second"), (1, "thing.first"), (3, "thing.third")] {
        let event = event(Some(world.account), Actor::System, action);
        world
            .store
            .insert_audit_event(&event, now() + seconds(after))
            .await
            .expect("stored");
    }
    let listed = world.store.list_audit_actions(world.account, 2).await;
    assert_eq!(
        listed.expect("events"),
        [
            ("thing.third".to_owned(), json!({"actor": "system"})),
            ("thing.second".to_owned(), json!({"actor": "system"})),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_installation_is_no_tenants() {
    let world = World::new().await;
    let event = event(None, Actor::Operator, "keys.rotated");
    world
        .store
        .insert_audit_event(&event, now())
        .await
        .expect("stored");
    assert_eq!(
        world
            .count("audit_events WHERE action = 'keys.rotated'")
            .await,
        1
    );
    assert!(world.audited("keys.rotated").await.is_empty());
}
