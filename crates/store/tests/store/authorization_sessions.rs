//! Runs of the link flow, up to the callback.

mod answers;

use keyway_domain::{
    authorization_session::{
        ClaimRefusal, Claimed, Failure, LIFETIME, NewSession, ProviderState, RefusedStart, Step,
    },
    ids::{AuthorizationSessionId, OauthAppId},
    oauth_error::ErrorCode,
    opaque::Digest,
    pkce::CodeChallenge,
    scope::Scopes,
};
use keyway_store::{Conflict, NewOauthApp, StoreError};

use crate::support::{
    CROWD, Started, World, digest, instant, new_app, new_uri, now, random, sealed, slug, values,
};

fn failure() -> Failure {
    Failure {
        step: Step::Exchange,
        error: ErrorCode::AccessDenied,
        description: "The provider refused.".into(),
        detail: "invalid_grant".into(),
    }
}

async fn fail(world: &World, id: AuthorizationSessionId) {
    let failed = world
        .store
        .fail_authorization_session(id, &failure(), now())
        .await;
    failed.expect("an answer");
}

async fn claim(world: &World, started: Started) -> Option<Claimed> {
    let linear = slug("linear");
    let claimed =
        world
            .store
            .claim_authorization_session(started.id, started.state, &linear, now());
    claimed.await.expect("an answer")
}

async fn answer(world: &World, id: AuthorizationSessionId) -> bool {
    let values = values(&[("shop", "a.example")]);
    let answered = world.store.answer_session(id, &values, digest(), now());
    answered.await.expect("an answer")
}

async fn keep(world: &World, id: AuthorizationSessionId, state: Digest<ProviderState>) -> bool {
    let kept = world
        .store
        .keep_response(id, state, &sealed("response"), now())
        .await;
    kept.expect("an answer")
}

/// Removes the tenant's app past the store; its flows stay.
async fn remove_app(world: &World) {
    world.sql("DELETE FROM oauth_apps").await;
}

mod link_target {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_comes_with_its_accounts_redirect_uris_in_order() {
        let world = World::new().await;
        let first = new_uri("https://client.example/first");
        let second = new_uri("https://client.example/:provider");
        for uri in [&first, &second] {
            let actor = keyway_domain::audit::Actor::Operator;
            let inserted = world.store.insert_redirect_uri(world.account, uri, actor);
            inserted.await.expect("stored");
        }
        let mut uris = [&first, &second];
        uris.sort_by_key(|uri| uri.id);
        let target = world.store.find_link_target(world.app).await;
        let target = target.expect("an answer").expect("the app");
        assert_eq!(target.oauth_app_id, world.app);
        assert_eq!(target.account_id, world.account);
        assert_eq!(target.provider, slug("linear"));
        assert_eq!(target.app_name, "App client");
        assert_eq!(target.client_id, "client");
        assert_eq!(target.scopes, Some(Scopes::parse("read").expect("scopes")));
        assert_eq!(target.redirect_uris, uris.map(|uri| uri.uri.clone()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_may_have_no_scopes_of_its_own_and_no_redirect_uris() {
        let world = World::new().await;
        let plain = NewOauthApp {
            scopes: None,
            ..new_app(world.account, "plain")
        };
        let actor = keyway_domain::audit::Actor::Operator;
        let inserted = world.store.insert_oauth_app(&plain, actor).await;
        inserted.expect("stored");
        let target = world.store.find_link_target(plain.id).await;
        let target = target.expect("an answer").expect("the app");
        assert_eq!(target.scopes, None);
        assert_eq!(target.redirect_uris, []);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_app_is_none() {
        let world = World::new().await;
        let unknown = OauthAppId::generate(now(), random());
        let target = world.store.find_link_target(unknown).await;
        assert!(target.expect("an answer").is_none());
    }
}

mod insert {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_of_an_app_that_is_gone_is_refused() {
        let world = World::new().await;
        let new = world.session();
        remove_app(&world).await;
        let refused = world.store.insert_authorization_session(&new).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(Conflict::Missing))),
            "{refused:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refused_start_is_in_the_flow_log_with_its_reason() {
        let world = World::new().await;
        let refused = RefusedStart {
            id: AuthorizationSessionId::generate(now(), random()),
            account_id: world.account,
            oauth_app_id: world.app,
            provider: slug("linear"),
            link_session_id: None,
            failure: Failure {
                step: Step::Start,
                ..failure()
            },
            created_at: now(),
        };
        let inserted = world.store.insert_refused_start(&refused).await;
        inserted.expect("stored");
        let flow = world.store.find_flow(world.account, refused.id).await;
        let flow = flow.expect("an answer").expect("the flow");
        assert_eq!(flow.failed_at, Some(now()));
        assert_eq!(flow.failed_step.as_deref(), Some("start"));
        assert_eq!(flow.error.as_deref(), Some("access_denied"));
        assert_eq!(
            flow.error_description.as_deref(),
            Some("The provider refused.")
        );
        assert_eq!(flow.error_detail.as_deref(), Some("invalid_grant"));
        assert_eq!(flow.redirect_uri, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_account_of_a_flow_is_found() {
        let world = World::new().await;
        let started = world.started().await;
        let found = world.store.find_session_account(started.id).await;
        assert_eq!(found.expect("an answer"), Some(world.account));
        let unknown = AuthorizationSessionId::generate(now(), random());
        let found = world.store.find_session_account(unknown).await;
        assert_eq!(found.expect("an answer"), None);
    }
}

mod responses {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_kept_response_comes_with_the_claim() {
        let world = World::new().await;
        let started = world.started().await;
        assert!(keep(&world, started.id, started.state).await);
        let claimed = claim(&world, started).await.expect("claimed");
        assert_eq!(claimed.sealed_response, Some(sealed("response")));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_with_another_state_is_not_kept() {
        let world = World::new().await;
        let started = world.started().await;
        assert!(!keep(&world, started.id, digest()).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_to_another_flow_is_not_kept() {
        let world = World::new().await;
        let (started, other) = (world.started().await, world.started().await);
        assert!(!keep(&world, other.id, started.state).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_after_the_claim_is_not_kept() {
        let world = World::new().await;
        let started = world.started().await;
        world.claim(started).await;
        assert!(!keep(&world, started.id, started.state).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_after_the_fault_is_not_kept() {
        let world = World::new().await;
        let started = world.started().await;
        fail(&world, started.id).await;
        assert!(!keep(&world, started.id, started.state).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_second_response_is_not_kept() {
        let world = World::new().await;
        let started = world.started().await;
        assert!(keep(&world, started.id, started.state).await);
        assert!(!keep(&world, started.id, started.state).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_is_kept_until_the_end_and_not_at_it() {
        let world = World::new().await;
        let Started { id, state } = world.started().await;
        let (end, response) = (now() + LIFETIME, sealed("response"));
        let at_end = world.store.keep_response(id, state, &response, end).await;
        assert!(!at_end.expect("an answer"));
        let before = world
            .store
            .keep_response(id, state, &response, end - instant());
        assert!(before.await.expect("an answer"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_responses_one_is_kept() {
        let world = World::new().await;
        let Started { id, state } = world.started().await;
        let kept = world
            .race(move |number, store| async move {
                let response = sealed(&format!("response {number}"));
                store.keep_response(id, state, &response, now()).await
            })
            .await;
        let kept = kept
            .into_iter()
            .filter(|kept| *kept.as_ref().expect("an answer"));
        assert_eq!(kept.count(), 1);
    }
}

mod claims {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_claim_has_all_that_the_exchange_needs() {
        let world = World::new().await;
        let challenge = CodeChallenge::parse(&"A".repeat(43)).expect("a challenge");
        let new = NewSession {
            challenge: Some(challenge.clone()),
            ..world.session()
        };
        let started = world.start(&new).await;
        let claimed = claim(&world, started).await.expect("claimed");
        assert_eq!((claimed.id, claimed.account_id), (new.id, world.account));
        assert_eq!(claimed.oauth_app_id, world.app);
        assert_eq!(claimed.client_id, "client");
        assert_eq!(claimed.sealed_client_secret, sealed("client secret"));
        assert_eq!(claimed.provider, slug("linear"));
        assert_eq!(claimed.redirect_uri, new.redirect_uri);
        assert_eq!(claimed.sealed_secrets, sealed("secrets"));
        assert_eq!(claimed.sealed_response, None);
        assert_eq!(claimed.challenge, Some(challenge));
        assert_eq!(claimed.scopes, new.scopes);
        assert_eq!(claimed.variables, new.variables);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_state_claims_nothing() {
        let world = World::new().await;
        let Started { id, .. } = world.started().await;
        let state = digest();
        assert!(claim(&world, Started { id, state }).await.is_none());
        let linear = slug("linear");
        let why = world.store.explain_claim_refusal(id, state, &linear, now());
        assert_eq!(why.await.expect("an answer"), ClaimRefusal::Unknown);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_state_claims_no_other_flow() {
        let world = World::new().await;
        let (started, other) = (world.started().await, world.started().await);
        let mixed = Started {
            id: other.id,
            state: started.state,
        };
        assert!(claim(&world, mixed).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_callback_of_another_provider_claims_nothing() {
        let world = World::new().await;
        let Started { id, state } = world.started().await;
        let other = slug("stripe");
        let store = &world.store;
        let claimed = store.claim_authorization_session(id, state, &other, now());
        assert!(claimed.await.expect("an answer").is_none());
        let why = store.explain_claim_refusal(id, state, &other, now());
        assert_eq!(why.await.expect("an answer"), ClaimRefusal::OtherProvider);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_is_claimed_once() {
        let world = World::new().await;
        let started = world.started().await;
        assert!(claim(&world, started).await.is_some());
        assert!(claim(&world, started).await.is_none());
        let Started { id, state } = started;
        let linear = slug("linear");
        let why = world.store.explain_claim_refusal(id, state, &linear, now());
        assert_eq!(why.await.expect("an answer"), ClaimRefusal::Used);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failed_flow_is_not_claimed() {
        let world = World::new().await;
        let started = world.started().await;
        // Its secrets stay here, so that nothing but the guard refuses.
        let failed = format!(
            "UPDATE authorization_sessions SET failed_at = '{}', failed_step = 'callback', error = 'server_error'",
            now()
        );
        world.sql(&failed).await;
        assert!(claim(&world, started).await.is_none());
        let Started { id, state } = started;
        let linear = slug("linear");
        let why = world.store.explain_claim_refusal(id, state, &linear, now());
        assert_eq!(why.await.expect("an answer"), ClaimRefusal::Used);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_is_open_until_its_end_and_not_at_it() {
        let world = World::new().await;
        let Started { id, state } = world.started().await;
        let (end, linear, store) = (now() + LIFETIME, slug("linear"), &world.store);
        let at_end = store.claim_authorization_session(id, state, &linear, end);
        assert!(at_end.await.expect("an answer").is_none());
        let why = store.explain_claim_refusal(id, state, &linear, end).await;
        assert_eq!(why.expect("an answer"), ClaimRefusal::Expired);
        let before = store.claim_authorization_session(id, state, &linear, end - instant());
        assert!(before.await.expect("an answer").is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_whose_app_is_gone_is_not_claimed() {
        let world = World::new().await;
        let started = world.started().await;
        remove_app(&world).await;
        assert!(claim(&world, started).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_is_claimed_with_its_own_app() {
        let world = World::new().await;
        let other = world.app_of(world.account, "other").await;
        let started = world.start(&World::session_of(world.account, other)).await;
        let claimed = claim(&world, started).await.expect("claimed");
        assert_eq!(claimed.oauth_app_id, other);
        assert_eq!(claimed.client_id, "other");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_with_the_app_of_another_account_is_not_claimed() {
        let world = World::new().await;
        let other = world.account("other").await;
        let started = world.start(&World::session_of(other, world.app)).await;
        assert!(claim(&world, started).await.is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_callbacks_one_claims() {
        let world = World::new().await;
        let Started { id, state } = world.started().await;
        let claimed = world
            .race(move |_, store| async move {
                let linear = slug("linear");
                let claimed = store.claim_authorization_session(id, state, &linear, now());
                claimed.await.expect("an answer").is_some()
            })
            .await;
        assert_eq!(claimed.len(), CROWD);
        assert_eq!(claimed.into_iter().filter(|claimed| *claimed).count(), 1);
    }
}

mod faults {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fault_ends_the_flow_and_erases_its_secrets() {
        let world = World::new().await;
        let started = world.started().await;
        keep(&world, started.id, started.state).await;
        fail(&world, started.id).await;
        let erased =
            "authorization_sessions WHERE sealed_secrets IS NULL AND sealed_response IS NULL";
        assert_eq!(world.count(erased).await, 1);
        let flow = world.store.find_flow(world.account, started.id).await;
        let flow = flow.expect("an answer").expect("the flow");
        assert_eq!(flow.failed_at, Some(now()));
        assert_eq!(flow.failed_step.as_deref(), Some("exchange"));
        assert_eq!(flow.error.as_deref(), Some("access_denied"));
        assert_eq!(
            flow.error_description.as_deref(),
            Some("The provider refused.")
        );
        assert_eq!(flow.error_detail.as_deref(), Some("invalid_grant"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_fault_stays() {
        let world = World::new().await;
        let started = world.started().await;
        fail(&world, started.id).await;
        let second = Failure {
            detail: "second".into(),
            ..failure()
        };
        let store = &world.store;
        let failed = store
            .fail_authorization_session(started.id, &second, now())
            .await;
        failed.expect("an answer");
        let flow = store.find_flow(world.account, started.id).await;
        let flow = flow.expect("an answer").expect("the flow");
        assert_eq!(flow.error_detail.as_deref(), Some("invalid_grant"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_completed_flow_does_not_fail() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        fail(&world, issued.session).await;
        let flow = world.store.find_flow(world.account, issued.session).await;
        assert_eq!(flow.expect("an answer").expect("the flow").failed_at, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_fault_is_of_one_flow() {
        let world = World::new().await;
        let (failed, other) = (world.started().await, world.started().await);
        fail(&world, failed.id).await;
        assert!(claim(&world, other).await.is_some());
    }
}
