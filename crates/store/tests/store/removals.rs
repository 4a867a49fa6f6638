//! Deleting credentials and removing OAuth apps.

use keyway_domain::{
    audit::Actor,
    ids::{CredentialId, OauthAppId, StartLinkId},
};
use keyway_store::{Deletion, NewStartLink, Removal};
use serde_json::json;

use crate::support::{World, digest, now, random, seconds, values};

mod credentials {
    use super::*;

    async fn delete(world: &World, id: CredentialId, expected: Option<i64>) -> Deletion {
        let deleted =
            world
                .store
                .delete_credential(world.account, id, expected, Actor::Operator, now());
        deleted.await.expect("an answer")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_credential_goes_and_its_grant_waits_to_be_revoked() {
        let world = World::new().await;
        let connected = world.connected("workspace").await;
        let deleted = delete(&world, connected.credential_id, None).await;
        assert_eq!(deleted, Deletion::Deleted(connected.grant_id));
        assert_eq!(world.count("credentials").await, 0);
        let grant = world
            .sql("SELECT concat_ws(' ', ended_reason, ended_credential_id, extract(epoch FROM revoke_at)::bigint, refresh_at) FROM grants")
            .await;
        let id = connected.credential_id;
        assert_eq!(grant, [format!("deleted {id} {}", now().timestamp())]);
        assert_eq!(
            world.audited("credential.deleted").await,
            [json!({"provider": "linear", "kind": "linear_oauth2", "external_id": "workspace"})]
        );
        let told = "events WHERE kind = 'credential.deleted'";
        assert_eq!(
            world.count(told).await,
            0,
            "not before the provider was asked"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_credential_and_a_strangers_are_not_deleted() {
        let world = World::new().await;
        let unknown = CredentialId::generate(now(), random());
        assert_eq!(delete(&world, unknown, None).await, Deletion::Unknown);
        assert_eq!(delete(&world, unknown, Some(1)).await, Deletion::Unknown);
        let id = world.connected("workspace").await.credential_id;
        let stranger = world.account("stranger").await;
        let deleted = world
            .store
            .delete_credential(stranger, id, None, Actor::Operator, now());
        assert_eq!(deleted.await.expect("an answer"), Deletion::Unknown);
        assert_eq!(world.count("credentials").await, 1);
        assert!(world.audited("credential.deleted").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_expected_revision_is_deleted() {
        let world = World::new().await;
        let id = world.connected("workspace").await.credential_id;
        world.connected("workspace").await;
        assert_eq!(delete(&world, id, Some(1)).await, Deletion::Changed);
        assert_eq!(world.count("credentials").await, 1);
        let deleted = delete(&world, id, Some(2)).await;
        assert!(matches!(deleted, Deletion::Deleted(_)), "{deleted:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_delete_a_credential_one_does() {
        let world = World::new().await;
        let (account, id) = (world.account, world.connected("w").await.credential_id);
        let outcomes = world
            .race(|_, store| async move {
                let deleted = store.delete_credential(account, id, None, Actor::Operator, now());
                deleted.await.expect("an answer")
            })
            .await;
        let deleted = |outcome: &&Deletion| matches!(outcome, Deletion::Deleted(_));
        assert_eq!(outcomes.iter().filter(deleted).count(), 1);
        let unknown = |outcome: &&Deletion| **outcome == Deletion::Unknown;
        assert_eq!(outcomes.iter().filter(unknown).count(), outcomes.len() - 1);
        assert_eq!(world.audited("credential.deleted").await.len(), 1);
    }

    /// Deleted before: a new credential. Deleted after: none is left. Never one without its grant.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_renewal_and_a_deletion_leave_whole_credentials() {
        let world = World::new().await;
        let mut codes = Vec::new();
        let mut ids = Vec::new();
        for number in 0..crate::support::CROWD / 2 {
            let external = format!("workspace {number}");
            ids.push(world.connected(&external).await.credential_id);
            codes.push(world.issued(&external).await.code);
        }
        let (account, app) = (world.account, world.app);
        world
            .race(|number, store| {
                let (code, id) = (codes[number / 2], ids[number / 2]);
                async move {
                    if number % 2 == 0 {
                        let redeemed = store.redeem_authorization_code(code, app, None, now());
                        assert!(redeemed.await.expect("an answer").is_some());
                    } else {
                        let by = Actor::Operator;
                        let deleted = store.delete_credential(account, id, None, by, now());
                        assert!(matches!(
                            deleted.await.expect("an answer"),
                            Deletion::Deleted(_)
                        ));
                    }
                }
            })
            .await;
        let live = "grants g WHERE revoke_at IS NULL AND NOT EXISTS (SELECT FROM credentials c WHERE c.grant_id = g.id)";
        assert_eq!(world.count(live).await, 0, "no grant without a credential");
        let ended =
            "credentials c JOIN grants g ON g.id = c.grant_id WHERE g.revoke_at IS NOT NULL";
        assert_eq!(
            world.count(ended).await,
            0,
            "no credential of an ended grant"
        );
    }
}

mod apps {
    use super::*;

    async fn remove(world: &World, id: OauthAppId, force: bool) -> Removal {
        remove_at(world, id, force, None).await
    }

    async fn remove_at(
        world: &World,
        id: OauthAppId,
        force: bool,
        expected: Option<i64>,
    ) -> Removal {
        let removed = world.store.remove_oauth_app(
            world.account,
            id,
            force,
            expected,
            Actor::Operator,
            now(),
        );
        removed.await.expect("an answer")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_that_nothing_needs_is_removed() {
        let world = World::new().await;
        let other = world.app_of(world.account, "other").await;
        assert_eq!(remove(&world, world.app, false).await, Removal::Removed);
        let left = world.sql("SELECT id FROM oauth_apps").await;
        assert_eq!(left, [other.to_string()]);
        let detail = json!({"name": "App client", "credentials": 0});
        assert_eq!(world.audited("oauth_app.deleted").await, [detail]);
        assert_eq!(
            world.count("events WHERE kind = 'oauth_app.deleted'").await,
            1
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_app_is_not_removed() {
        let world = World::new().await;
        let unknown = OauthAppId::generate(now(), random());
        assert_eq!(remove(&world, unknown, true).await, Removal::Unknown);
        assert!(world.audited("oauth_app.deleted").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_expected_revision_is_removed() {
        let world = World::new().await;
        let changed = remove_at(&world, world.app, true, Some(7)).await;
        assert_eq!(changed, Removal::Changed);
        let removed = remove_at(&world, world.app, true, Some(1)).await;
        assert_eq!(removed, Removal::Removed);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_with_credentials_is_in_use() {
        let world = World::new().await;
        world.connected("one").await;
        world.connected("two").await;
        assert_eq!(remove(&world, world.app, false).await, Removal::InUse(2));
        assert_eq!(world.count("credentials").await, 2);
        assert!(world.audited("oauth_app.deleted").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn by_force_its_credentials_go_and_their_grants_wait() {
        let world = World::new().await;
        for external in ["one", "two", "three"] {
            world.connected(external).await;
        }
        world.issued("four").await;
        assert_eq!(remove(&world, world.app, true).await, Removal::Removed);
        assert_eq!(world.count("credentials").await, 0);
        assert_eq!(world.count("authorization_codes").await, 0);
        let ended = "grants WHERE ended_reason = 'app_removed' AND revoke_at IS NOT NULL";
        assert_eq!(world.count(ended).await, 4);
        let under = format!("{ended} AND ended_credential_id IS NOT NULL");
        assert_eq!(world.count(&under).await, 3);
        assert_eq!(world.count("oauth_apps").await, 1, "until they are revoked");
        assert_eq!(remove(&world, world.app, true).await, Removal::Unknown);
        let found = world.store.find_oauth_app(world.account, world.app).await;
        assert!(found.expect("an answer").is_none(), "hidden at once");
        let again = crate::support::add_app(&world.store, world.account, "client").await;
        assert_ne!(again, world.app, "the client may be registered anew");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_under_way_ends() {
        let world = World::new().await;
        world.connected("workspace").await;
        let claimed = world.claimed().await;
        let started = world.started().await;
        let link = NewStartLink {
            id: StartLinkId::generate(now(), random()),
            account_id: world.account,
            oauth_app_id: world.app,
            digest: digest(),
            redirect_uri: "https://client.example/cb".into(),
            sealed_state: None,
            scopes: None,
            variables: values(&[]),
            created_at: now(),
            expires_at: now() + seconds(300),
        };
        world.store.insert_start_link(&link).await.expect("stored");
        assert_eq!(remove(&world, world.app, true).await, Removal::Removed);
        assert_eq!(world.count("start_links").await, 0);
        let ended = world
            .sql("SELECT concat_ws(' ', id, failed_step, error, sealed_secrets IS NULL) FROM authorization_sessions WHERE failed_at IS NOT NULL ORDER BY failed_step")
            .await;
        assert_eq!(
            ended,
            [
                format!("{} callback server_error t", started.id),
                format!("{claimed} complete server_error t"),
            ]
        );
        let late = crate::support::completion(claimed, "late");
        let completed = world.store.complete_authorization(&late, now());
        assert!(!completed.await.expect("an answer"));
        assert_eq!(world.count("grants").await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_remove_an_app_one_does() {
        let world = World::new().await;
        world.connected("workspace").await;
        let (account, app) = (world.account, world.app);
        let outcomes = world
            .race(|_, store| async move {
                let by = Actor::Operator;
                let removed = store.remove_oauth_app(account, app, true, None, by, now());
                removed.await.expect("an answer")
            })
            .await;
        let removed = outcomes.iter().filter(|was| **was == Removal::Removed);
        assert_eq!(removed.count(), 1);
        assert!(
            outcomes
                .iter()
                .all(|was| matches!(was, Removal::Removed | Removal::Unknown))
        );
        assert_eq!(world.audited("oauth_app.deleted").await.len(), 1);
    }
}
