//! The accounts' clients at providers.

use keyway_domain::{
    audit::Actor,
    ids::{CredentialId, OauthAppId},
    scope::Scopes,
};
use keyway_store::{Conflict, NewOauthApp, OauthApp, OauthAppChange, StoreError};
use serde_json::json;

use crate::support::{CROWD, World, new_app, now, random, sealed, seconds, slug};

async fn find(world: &World, id: OauthAppId) -> OauthApp {
    let found = world.store.find_oauth_app(world.account, id).await;
    found.expect("an answer").expect("the app")
}

async fn update(world: &World, id: OauthAppId, change: &OauthAppChange) -> bool {
    let later = now() + seconds(5);
    let changed = world
        .store
        .update_oauth_app(world.account, id, change, Actor::Operator, later);
    changed.await.expect("an answer").is_some()
}

mod inserting {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_reads_back_as_it_was_stored() {
        let world = World::new().await;
        let app = find(&world, world.app).await;
        assert_eq!((app.id, app.account_id), (world.app, world.account));
        assert_eq!(app.provider, slug("linear"));
        assert_eq!(
            (app.name.as_str(), app.client_id.as_str()),
            ("App client", "client")
        );
        assert_eq!(app.sealed_client_secret, sealed("client secret"));
        assert_eq!(app.scopes, Some(Scopes::parse("read").expect("scopes")));
        assert_eq!((app.created_at, app.updated_at), (now(), now()));
        let of_client = world.store.find_oauth_app_of_client(world.app).await;
        assert_eq!(
            of_client.expect("an answer").expect("the app").id,
            world.app
        );
        assert_eq!(
            world.audited("oauth_app.created").await,
            [json!({"provider": "linear", "name": "App client"})]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_app_is_none() {
        let world = World::new().await;
        let unknown = OauthAppId::generate(now(), random());
        let found = world.store.find_oauth_app(world.account, unknown).await;
        assert!(found.expect("an answer").is_none());
        let found = world.store.find_oauth_app_of_client(unknown).await;
        assert!(found.expect("an answer").is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn apps_are_listed_oldest_first() {
        let world = World::new().await;
        let mut ids = vec![world.app];
        for (after, client) in [(2, "second"), (1, "first")] {
            let at = now() + seconds(after);
            let new = NewOauthApp {
                id: OauthAppId::generate(at, random()),
                created_at: at,
                ..new_app(world.account, client)
            };
            let inserted = world.store.insert_oauth_app(&new, Actor::Operator).await;
            inserted.expect("stored");
            ids.push(new.id);
        }
        let listed = world.store.list_oauth_apps(world.account).await;
        let listed: Vec<_> = listed
            .expect("a list")
            .into_iter()
            .map(|app| app.id)
            .collect();
        assert_eq!(listed, [ids[0], ids[2], ids[1]]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_same_client_of_another_provider_or_account_is_another_app() {
        let world = World::new().await;
        let other = world.account("other").await;
        let elsewhere = NewOauthApp {
            provider: slug("stripe"),
            ..new_app(world.account, "client")
        };
        for new in [elsewhere, new_app(other, "client")] {
            let inserted = world.store.insert_oauth_app(&new, Actor::Operator).await;
            inserted.expect("stored");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_register_a_client_one_does() {
        let world = World::new().await;
        let account = world.account;
        let results = world
            .race(move |_, store| async move {
                let new = new_app(account, "wanted");
                store.insert_oauth_app(&new, Actor::Operator).await
            })
            .await;
        let exists = |result: &&Result<(), StoreError>| {
            matches!(result, Err(StoreError::Conflict(Conflict::Exists)))
        };
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(
            results.iter().filter(exists).count(),
            CROWD - 1,
            "{results:?}"
        );
        assert_eq!(
            world
                .count("audit_events WHERE action = 'oauth_app.created'")
                .await,
            2
        );
    }
}

mod changing {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_is_changed_and_nothing_else() {
        let world = World::new().await;
        let change = OauthAppChange {
            name: Some("New".into()),
            ..OauthAppChange::default()
        };
        assert!(update(&world, world.app, &change).await);
        let app = find(&world, world.app).await;
        assert_eq!(app.name, "New");
        assert_eq!(app.sealed_client_secret, sealed("client secret"));
        assert_eq!(app.scopes, Some(Scopes::parse("read").expect("scopes")));
        assert_eq!(
            (app.created_at, app.updated_at),
            (now(), now() + seconds(5))
        );
        assert_eq!(
            world.audited("oauth_app.updated").await,
            [json!({"name": "New"})]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_secret_is_replaced_and_that_is_audited_as_such() {
        let world = World::new().await;
        let change = OauthAppChange {
            sealed_client_secret: Some(sealed("new secret")),
            ..OauthAppChange::default()
        };
        assert!(update(&world, world.app, &change).await);
        let app = find(&world, world.app).await;
        assert_eq!(app.sealed_client_secret, sealed("new secret"));
        assert_eq!(app.name, "App client");
        assert_eq!(world.audited("oauth_app.secret_replaced").await.len(), 1);
    }

    /// When the grant of a credential is due, and when it may be tried again.
    async fn plan(world: &World, id: CredentialId) -> String {
        let plan = format!(
            "SELECT coalesce(refresh_at::text, 'never') || ' ' || coalesce(retry_at::text, 'no') FROM grants
             WHERE id = '{}'",
            world.stored(id).await.grant_id
        );
        world.sql(&plan).await.remove(0)
    }

    async fn waits(world: &World, external: &str, refresh_at: Option<i64>) -> CredentialId {
        let id = world.due(external).await.id;
        let at = |after| format!("'{}'", now() + seconds(after));
        let plan = format!(
            "UPDATE grants SET refresh_at = {}, retry_at = {} WHERE id = '{}'",
            refresh_at.map_or("NULL".into(), at),
            at(600),
            world.stored(id).await.grant_id
        );
        world.sql(&plan).await;
        id
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_secret_lets_what_waits_be_tried_at_once() {
        let mut world = World::new().await;
        let waiting = waits(&world, "waiting", Some(600)).await;
        let overdue = waits(&world, "overdue", Some(-60)).await;
        let by_hand = waits(&world, "by hand", None).await;
        let well = world.due("well").await.id;
        let others_app = world.app_of(world.account, "other").await;
        let app = std::mem::replace(&mut world.app, others_app);
        let others = waits(&world, "others", Some(600)).await;
        let all = [waiting, overdue, by_hand, well, others];
        let mut plans = Vec::new();
        for id in all {
            plans.push(plan(&world, id).await);
        }
        let renamed = OauthAppChange {
            name: Some("New".into()),
            ..OauthAppChange::default()
        };
        let replaced = OauthAppChange {
            sealed_client_secret: Some(sealed("new secret")),
            ..OauthAppChange::default()
        };
        let stale = OauthAppChange {
            revision: Some(7),
            ..replaced.clone()
        };
        assert!(update(&world, app, &renamed).await);
        assert!(!update(&world, app, &stale).await);
        for (id, before) in all.into_iter().zip(&plans) {
            assert_eq!(plan(&world, id).await, *before, "nothing is mended yet");
        }
        assert!(update(&world, app, &replaced).await);
        let at = |after| {
            let time = now() + seconds(after);
            time.format("%F %T+00").to_string()
        };
        assert_eq!(plan(&world, waiting).await, format!("{} no", at(5)));
        assert_eq!(plan(&world, overdue).await, format!("{} no", at(-60)));
        assert_eq!(plan(&world, by_hand).await, "never no");
        assert_eq!(plan(&world, well).await, plans[3]);
        assert_eq!(plan(&world, others).await, plans[4]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn scopes_are_replaced_or_left_to_the_catalogue() {
        let world = World::new().await;
        let wider = Some(Scopes::parse("read write").expect("scopes"));
        for scopes in [wider, None] {
            let change = OauthAppChange {
                scopes: Some(scopes.clone()),
                ..OauthAppChange::default()
            };
            assert!(update(&world, world.app, &change).await);
            assert_eq!(find(&world, world.app).await.scopes, scopes);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_is_of_one_app() {
        let world = World::new().await;
        let other = world.app_of(world.account, "other").await;
        let change = OauthAppChange {
            name: Some("New".into()),
            ..OauthAppChange::default()
        };
        assert!(update(&world, world.app, &change).await);
        assert_eq!(find(&world, other).await.name, "App other");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_app_is_not_changed() {
        let world = World::new().await;
        let unknown = OauthAppId::generate(now(), random());
        assert!(!update(&world, unknown, &OauthAppChange::default()).await);
        assert!(world.audited("oauth_app.updated").await.is_empty());
    }
}

mod resealing {
    use super::*;
    use keyway_domain::sealed::Sealed;
    use keyway_store::SealedClientSecret;

    async fn marked(world: &World, mark: &str) -> Vec<SealedClientSecret> {
        let listed = world.store.list_client_secrets_marked(mark.as_bytes());
        listed.await.expect("an answer")
    }

    async fn reseal(world: &World, known: &SealedClientSecret, sealed: &Sealed) -> bool {
        let resealed = world.store.reseal_client_secret(known, sealed);
        resealed.await.expect("an answer")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mark_finds_what_begins_with_it() {
        let world = World::new().await;
        assert_eq!(
            marked(&world, "client")
                .await
                .iter()
                .map(|found| (found.oauth_app_id, found.account_id))
                .collect::<Vec<_>>(),
            [(world.app, world.account)]
        );
        assert!(marked(&world, "secret").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_known_ciphertext_is_replaced() {
        let world = World::new().await;
        let known = marked(&world, "client").await.remove(0);
        assert!(reseal(&world, &known, &sealed("anew")).await);
        assert!(!reseal(&world, &known, &sealed("late")).await);
        let app = find(&world, world.app).await;
        assert_eq!(app.sealed_client_secret, sealed("anew"));
        assert_eq!(app.updated_at, now(), "no admin changed it");
    }
}
