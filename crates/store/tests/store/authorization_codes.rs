//! From a claimed flow to a credential.

use keyway_domain::{
    authorization_code::{CodeRefusal, LIFETIME, Redeemed},
    authorization_session::NewSession,
    ids::OauthAppId,
    pkce::CodeChallenge,
};
use keyway_store::NewCompletion;
use serde_json::json;

use crate::support::{CROWD, Issued, World, completion, digest, instant, now, sealed, seconds};

fn challenge(letter: &str) -> CodeChallenge {
    CodeChallenge::parse(&letter.repeat(43)).expect("a challenge")
}

async fn complete(world: &World, completion: &NewCompletion) -> bool {
    let completed = world.store.complete_authorization(completion, now()).await;
    completed.expect("an answer")
}

async fn redeem(
    world: &World,
    issued: Issued,
    app: OauthAppId,
    challenge: Option<&CodeChallenge>,
) -> Option<Redeemed> {
    let redeemed = world
        .store
        .redeem_authorization_code(issued.code, app, challenge, now());
    redeemed.await.expect("an answer")
}

async fn explain(world: &World, issued: Issued, app: OauthAppId) -> CodeRefusal {
    let why = world
        .store
        .explain_code_refusal(issued.code, app, None, now());
    why.await.expect("an answer")
}

/// Grants that hang under no credential and no code that could still be redeemed.
const ORPHANS: &str = "grants g WHERE NOT EXISTS (SELECT FROM credentials WHERE grant_id = g.id)
    AND NOT EXISTS (SELECT FROM authorization_codes WHERE grant_id = g.id AND redeemed_at IS NULL)";

mod completing {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_completed_flow_keeps_the_grant_and_erases_its_own_secrets() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        let kept = format!(
            "grants WHERE id = '{}' AND account_id = '{}' AND oauth_app_id = '{}'
                 AND external_id = 'workspace' AND external_label = 'Label of workspace'
                 AND properties = '{{\"scope\": \"read\"}}' AND secret_names = '[\"access_token\"]'
                 AND sealed_secrets = 'tokens' AND variables = '{{\"shop\": \"acme.example\"}}'
                 AND expires_at = '{}' AND refresh_expires_at IS NULL",
            issued.grant,
            world.account,
            world.app,
            now() + seconds(3600)
        );
        assert_eq!(world.count(&kept).await, 1);
        let erased =
            "authorization_sessions WHERE sealed_secrets IS NULL AND sealed_response IS NULL
                          AND external_label = 'Label of workspace'";
        assert_eq!(world.count(erased).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_nobody_claimed_is_not_completed() {
        let world = World::new().await;
        let started = world.started().await;
        assert!(!complete(&world, &completion(started.id, "workspace")).await);
        assert_eq!(world.count("grants").await, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_is_completed_once() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        assert!(!complete(&world, &completion(issued.session, "workspace")).await);
        assert_eq!(world.count("grants").await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failed_flow_is_not_completed() {
        let world = World::new().await;
        let claimed = world.claimed().await;
        let failed = format!(
            "UPDATE authorization_sessions SET failed_at = '{}', failed_step = 'exchange', error = 'server_error'",
            now()
        );
        world.sql(&failed).await;
        assert!(!complete(&world, &completion(claimed, "workspace")).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_whose_app_is_gone_is_not_completed() {
        let world = World::new().await;
        let claimed = world.claimed().await;
        world.sql("DELETE FROM oauth_apps").await;
        assert!(!complete(&world, &completion(claimed, "workspace")).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn completing_is_for_one_flow() {
        let world = World::new().await;
        let (first, second) = (world.claimed().await, world.claimed().await);
        assert!(complete(&world, &completion(first, "one")).await);
        assert!(complete(&world, &completion(second, "two")).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_that_cannot_be_stored_leaves_the_flow_as_it_was() {
        let world = World::new().await;
        let taken = world.issued("workspace").await;
        let claimed = world.claimed().await;
        let mut clashing = completion(claimed, "workspace");
        clashing.code.digest = taken.code;
        let refused = world.store.complete_authorization(&clashing, now()).await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(world.count("grants").await, 1);
        assert!(complete(&world, &completion(claimed, "workspace")).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_completions_one_counts() {
        let world = World::new().await;
        let claimed = world.claimed().await;
        let completed = world
            .race(move |number, store| async move {
                let completion = completion(claimed, &format!("workspace {number}"));
                store.complete_authorization(&completion, now()).await
            })
            .await;
        let completed = completed
            .into_iter()
            .map(|result| result.expect("an answer"));
        assert_eq!(completed.filter(|completed| *completed).count(), 1);
        assert_eq!(world.count("grants").await, 1);
        assert_eq!(world.count("authorization_codes").await, 1);
    }
}

mod redeeming {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_becomes_a_credential() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        let redeemed = redeem(&world, issued, world.app, None).await;
        let redeemed = redeemed.expect("redeemed");
        assert_eq!(redeemed.code_id, issued.id);
        assert_eq!(redeemed.account_id, world.account);
        assert_eq!(redeemed.sealed_state, Some(sealed("state")));
        assert_eq!(redeemed.grant_id, issued.grant);
        assert_eq!(redeemed.kind.0, "linear_oauth2");
        assert_eq!(redeemed.external.id, "workspace");
        assert_eq!(
            redeemed.external.label.as_deref(),
            Some("Label of workspace")
        );
        assert_eq!(redeemed.public["scope"], "read");
        assert_eq!(redeemed.sealed_secrets, sealed("tokens"));
        let found = world
            .store
            .find_credential(world.account, redeemed.credential_id)
            .await;
        assert!(found.expect("an answer").is_some());
        assert_eq!(
            world.audited("credential.created").await,
            [json!({"code": issued.id.uuid()})]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_second_code_renews_the_credential_and_erases_the_old_grant() {
        let world = World::new().await;
        let first = world.connected("workspace").await;
        let second = world.connected("workspace").await;
        assert_eq!(first.credential_id, second.credential_id);
        assert_eq!(world.count("credentials").await, 1);
        let grants = world.sql("SELECT id FROM grants").await;
        assert_eq!(grants, [second.grant_id.to_string()]);
        assert_eq!(world.audited("credential.created").await.len(), 1);
        assert_eq!(world.audited("credential.renewed").await.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_external_account_is_another_credential() {
        let world = World::new().await;
        let first = world.connected("one").await;
        let second = world.connected("two").await;
        assert_ne!(first.credential_id, second.credential_id);
        assert_eq!(world.count("grants").await, 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_code_is_refused() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        let unknown = Issued {
            code: digest(),
            ..issued
        };
        assert!(redeem(&world, unknown, world.app, None).await.is_none());
        assert_eq!(
            explain(&world, unknown, world.app).await,
            CodeRefusal::Unknown
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_code_of_another_app_is_refused_and_not_spent() {
        let world = World::new().await;
        let other = world.app_of(world.account, "other").await;
        let issued = world.issued("workspace").await;
        assert!(redeem(&world, issued, other, None).await.is_none());
        assert_eq!(explain(&world, issued, other).await, CodeRefusal::Foreign);
        assert!(redeem(&world, issued, world.app, None).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_is_redeemed_once_and_a_second_use_is_audited() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        assert!(redeem(&world, issued, world.app, None).await.is_some());
        assert!(redeem(&world, issued, world.app, None).await.is_none());
        assert_eq!(explain(&world, issued, world.app).await, CodeRefusal::Used);
        assert_eq!(world.audited("authorization_code.reused").await.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_used_code_in_the_hands_of_another_app_is_foreign_and_no_reuse() {
        let world = World::new().await;
        let other = world.app_of(world.account, "other").await;
        let issued = world.issued("workspace").await;
        assert!(redeem(&world, issued, world.app, None).await.is_some());
        assert_eq!(explain(&world, issued, other).await, CodeRefusal::Foreign);
        assert!(world.audited("authorization_code.reused").await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_is_good_until_its_end_and_not_at_it() {
        let world = World::new().await;
        let Issued { code, .. } = world.issued("workspace").await;
        let (end, app, store) = (now() + LIFETIME, world.app, &world.store);
        let at_end = store.redeem_authorization_code(code, app, None, end).await;
        assert!(at_end.expect("an answer").is_none());
        let why = store.explain_code_refusal(code, app, None, end).await;
        assert_eq!(why.expect("an answer"), CodeRefusal::Expired);
        let before = store.redeem_authorization_code(code, app, None, end - instant());
        assert!(before.await.expect("an answer").is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_with_a_challenge_wants_its_verifier() {
        let world = World::new().await;
        let right = challenge("A");
        let bound = NewSession {
            challenge: Some(right.clone()),
            ..world.session()
        };
        let issued = world.issue(&bound, "workspace").await;
        assert!(redeem(&world, issued, world.app, None).await.is_none());
        let wrong = challenge("E");
        assert!(
            redeem(&world, issued, world.app, Some(&wrong))
                .await
                .is_none()
        );
        assert_eq!(
            explain(&world, issued, world.app).await,
            CodeRefusal::Verifier
        );
        assert!(
            redeem(&world, issued, world.app, Some(&right))
                .await
                .is_some()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_verifier_that_answers_no_challenge_is_refused() {
        let world = World::new().await;
        let issued = world.issued("workspace").await;
        let challenge = challenge("A");
        assert!(
            redeem(&world, issued, world.app, Some(&challenge))
                .await
                .is_none()
        );
        assert!(redeem(&world, issued, world.app, None).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn redeeming_is_for_one_code() {
        let world = World::new().await;
        let (first, second) = (world.issued("one").await, world.issued("two").await);
        assert!(redeem(&world, first, world.app, None).await.is_some());
        assert!(redeem(&world, second, world.app, None).await.is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_redeem_a_code_one_gets_the_credential() {
        let world = World::new().await;
        let (issued, app) = (world.issued("workspace").await, world.app);
        let redeemed = world
            .race(move |_, store| async move {
                let redeemed = store.redeem_authorization_code(issued.code, app, None, now());
                redeemed.await.expect("an answer").is_some()
            })
            .await;
        assert_eq!(redeemed.into_iter().filter(|won| *won).count(), 1);
        assert_eq!(world.count("credentials").await, 1);
        assert_eq!(world.count("grants").await, 1);
        assert_eq!(world.audited("credential.created").await.len(), 1);
    }
}

mod together {
    use std::sync::Arc;

    use keyway_domain::audit::Actor;
    use keyway_store::Removal;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_codes_of_one_external_account_make_one_credential_with_one_grant() {
        let world = World::new().await;
        let mut codes = Vec::new();
        for _ in 0..CROWD {
            codes.push(world.issued("workspace").await);
        }
        let (codes, app) = (Arc::new(codes), world.app);
        let redeemed = world
            .race(|number, store| {
                let code = codes[number].code;
                async move {
                    store
                        .redeem_authorization_code(code, app, None, now())
                        .await
                }
            })
            .await;
        let ids: Vec<_> = redeemed
            .into_iter()
            .map(|redeemed| {
                redeemed
                    .expect("an answer")
                    .expect("redeemed")
                    .credential_id
            })
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(world.count("credentials").await, 1);
        assert_eq!(world.count("grants").await, 1);
        assert_eq!(world.count(ORPHANS).await, 0);
        assert_eq!(world.audited("credential.created").await.len(), 1);
        assert_eq!(world.audited("credential.renewed").await.len(), CROWD - 1);
    }

    /// Either the code is redeemed and the credential keeps the app, or the app is gone and the grant
    /// waits to be revoked.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_is_removed_before_or_after_a_code_is_redeemed() {
        let world = World::new().await;
        let mut flows = Vec::new();
        for number in 0..CROWD / 2 {
            let app = world
                .app_of(world.account, &format!("client {number}"))
                .await;
            let session = World::session_of(world.account, app);
            flows.push((app, world.issue(&session, "workspace").await));
        }
        let (flows, account) = (Arc::new(flows), world.account);
        let outcomes = world
            .race(|number, store| {
                let (app, issued) = flows[number / 2];
                async move {
                    let kept = if number % 2 == 0 {
                        let redeemed =
                            store.redeem_authorization_code(issued.code, app, None, now());
                        redeemed.await.expect("an answer").is_some()
                    } else {
                        let by = Actor::Operator;
                        let removed = store.remove_oauth_app(account, app, false, None, by, now());
                        removed.await.expect("an answer") == Removal::InUse(1)
                    };
                    (app, kept)
                }
            })
            .await;
        for (app, _) in flows.iter() {
            let verdicts = outcomes.iter().filter(|(of, _)| of == app);
            let verdicts: Vec<bool> = verdicts.map(|(_, kept)| *kept).collect();
            assert_eq!(verdicts[0], verdicts[1], "redeemed and in use, or neither");
        }
        let redeemed = outcomes.iter().filter(|(_, kept)| *kept).count() / 2;
        assert_eq!(world.count("credentials").await, redeemed);
        let to_revoke = world
            .count("grants WHERE ended_reason = 'app_removed'")
            .await;
        assert_eq!(to_revoke, CROWD / 2 - redeemed);
    }

    /// Either the flow is completed and its grant waits to be revoked, or the app is gone and the grant
    /// was never stored; and neither statement waits for the other for ever.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_is_removed_before_or_after_a_flow_is_completed() {
        let world = World::new().await;
        let mut flows = Vec::new();
        for number in 0..CROWD / 2 {
            let app = world
                .app_of(world.account, &format!("client {number}"))
                .await;
            let started = world.start(&World::session_of(world.account, app)).await;
            world.claim(started).await;
            flows.push((app, started.id));
        }
        let (flows, account) = (Arc::new(flows), world.account);
        let outcomes = world
            .race(|number, store| {
                let (app, session) = flows[number / 2];
                async move {
                    if number % 2 == 0 {
                        let completion = completion(session, "workspace");
                        let completed = store.complete_authorization(&completion, now()).await;
                        completed.expect("an answer")
                    } else {
                        let by = Actor::Operator;
                        let removed = store.remove_oauth_app(account, app, false, None, by, now());
                        assert_eq!(removed.await.expect("an answer"), Removal::Removed);
                        false
                    }
                }
            })
            .await;
        let completed = outcomes.into_iter().filter(|completed| *completed).count();
        assert_eq!(world.count("authorization_codes").await, 0);
        assert_eq!(world.count("grants").await, completed);
        let to_revoke = world
            .count("grants WHERE ended_reason = 'app_removed'")
            .await;
        assert_eq!(to_revoke, completed, "no grant is forgotten");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_removal_in_the_middle_of_a_completion_is_no_deadlock() {
        let world = World::new().await;
        let (claimed, app, account) = (world.claimed().await, world.app, world.account);
        let client = world.database.client().await;
        let hold = format!("BEGIN; SELECT FROM oauth_apps WHERE id = '{app}' FOR UPDATE");
        client.batch_execute(&hold).await.expect("held");
        let (store, other_store) = (world.store.clone(), world.other_store.clone());
        let removing = tokio::spawn(async move {
            store
                .remove_oauth_app(account, app, false, None, Actor::Operator, now())
                .await
        });
        world.until_blocked(1).await;
        let completing = tokio::spawn(async move {
            let completion = completion(claimed, "workspace");
            other_store.complete_authorization(&completion, now()).await
        });
        world.until_blocked(2).await;
        client.batch_execute("ROLLBACK").await.expect("let go");
        let removed = removing.await.expect("a task").expect("an answer");
        let completed = completing.await.expect("a task").expect("an answer");
        assert_eq!((removed, completed), (Removal::Removed, false));
    }
}
