//! Link sessions: what they offer, and that each is good for one connection.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    audit::Actor,
    authorization_session::{Failure, NewSession, Step},
    credential::{CredentialKind, EndUser, NewGrant},
    ids::{AuthorizationSessionId, CredentialId, LinkSessionId},
    oauth_error::ErrorCode,
    opaque::{Digest, LinkSessionToken},
};
use keyway_store::{CompletionRefusal, LinkSession, LinkSessionStatus, NewLinkSession, Unwanted};
use serde_json::json;

use crate::support::{
    CROWD, World, completion, digest, instant, now, random, sealed, seconds, values,
};

fn ends() -> DateTime<Utc> {
    now() + TimeDelta::minutes(30)
}

fn new_session(world: &World) -> NewLinkSession {
    NewLinkSession {
        id: LinkSessionId::generate(now(), random()),
        account_id: world.account,
        digest: digest(),
        oauth_app_ids: vec![world.app],
        redirect_uri: None,
        sealed_state: Some(sealed("state")),
        scopes: None,
        variables: values(&[("shop", "acme.example")]),
        end_user: EndUser {
            id: "user-7".into(),
            email: Some("ada@customer.example".into()),
            name: Some("Ada".into()),
        },
        metadata: json!({"team": 7}).as_object().cloned(),
        credential_id: None,
        created_at: now(),
        expires_at: ends(),
    }
}

async fn insert(world: &World, new: &NewLinkSession) {
    let inserted = world.store.insert_link_session(new, Actor::Operator).await;
    inserted.expect("stored");
}

async fn inserted(world: &World) -> LinkSessionId {
    let new = new_session(world);
    insert(world, &new).await;
    new.id
}

async fn reconnecting(world: &World, credential: CredentialId) -> LinkSessionId {
    let new = NewLinkSession {
        credential_id: Some(credential),
        ..new_session(world)
    };
    insert(world, &new).await;
    new.id
}

async fn find(world: &World, digest: Digest<LinkSessionToken>) -> Option<LinkSession> {
    let found = world.store.find_link_session(digest).await;
    found.expect("an answer")
}

async fn look_up(world: &World, id: LinkSessionId) -> LinkSession {
    let found = world.store.find_link_session_of(world.account, id).await;
    found.expect("an answer").expect("the session")
}

/// A claimed flow of the session; with a redirect URI it ends at the client.
async fn claimed(world: &World, link: LinkSessionId, at_client: bool) -> AuthorizationSessionId {
    let session = world.session();
    let new = NewSession {
        redirect_uri: session.redirect_uri.clone().filter(|_| at_client),
        link_session_id: Some(link),
        ..session
    };
    let started = world.start(&new).await;
    world.claim(started).await;
    started.id
}

async fn connect(
    world: &World,
    flow: AuthorizationSessionId,
    external: &str,
) -> Option<CredentialId> {
    let grant = completion(flow, external).grant;
    let connected = world.store.connect_authorization(flow, &grant, now()).await;
    connected.expect("an answer")
}

async fn explain(world: &World, flow: AuthorizationSessionId, external: &str) -> CompletionRefusal {
    let grant = completion(flow, external).grant;
    let why = world.store.explain_completion_refusal(flow, &grant).await;
    why.expect("an answer")
}

mod offering {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_is_found_by_its_token_and_by_its_account() {
        let world = World::new().await;
        let other_app = world.app_of(world.account, "another").await;
        let new = NewLinkSession {
            oauth_app_ids: vec![world.app, other_app],
            ..new_session(&world)
        };
        insert(&world, &new).await;
        let found = find(&world, new.digest).await.expect("the session");
        assert_eq!((found.id, found.account_id), (new.id, world.account));
        assert_eq!(found.account_name, "Name of acme");
        assert_eq!(found.end_user, new.end_user);
        assert_eq!(found.metadata, new.metadata);
        assert_eq!(found.variables, new.variables);
        assert_eq!(found.sealed_state, new.sealed_state);
        let names: Vec<&str> = found.apps.iter().map(|app| app.name.as_str()).collect();
        assert_eq!(names, ["App another", "App client"]);
        assert_eq!(look_up(&world, new.id).await.id, new.id);
        assert!(find(&world, digest()).await.is_none());
        let stranger = world.account("stranger").await;
        let foreign = world.store.find_link_session_of(stranger, new.id).await;
        assert!(foreign.expect("an answer").is_none());
        assert_eq!(world.audited("link_session.created").await.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_app_that_was_removed_is_offered_no_more() {
        let world = World::new().await;
        let id = inserted(&world).await;
        let removed = format!("UPDATE oauth_apps SET removed_at = '{}'", now());
        world.sql(&removed).await;
        assert!(look_up(&world, id).await.apps.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_open_until_it_expires() {
        let world = World::new().await;
        let found = look_up(&world, inserted(&world).await).await;
        assert_eq!(found.status(ends() - instant()), LinkSessionStatus::Open);
        assert_eq!(found.status(ends()), LinkSessionStatus::Expired);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_goes_a_week_after_it_ended() {
        let world = World::new().await;
        inserted(&world).await;
        let at = ends() + TimeDelta::days(7);
        let early = world.store.sweep(at).await.expect("swept");
        assert_eq!(early.others, 0);
        let swept = world.store.sweep(at + instant()).await.expect("swept");
        assert_eq!(swept.others, 1);
        assert_eq!(world.count("link_session_apps").await, 0);
    }
}

mod connecting {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_ends_hosted_makes_the_credential_at_once() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let flow = claimed(&world, link, false).await;
        let id = connect(&world, flow, "workspace").await.expect("connected");
        let found = world.store.find_credential(world.account, id).await;
        let credential = found.expect("an answer").expect("the credential");
        let end_user = credential.end_user.expect("an end user");
        assert_eq!(
            (end_user.id.as_str(), end_user.name.as_deref()),
            ("user-7", Some("Ada"))
        );
        assert_eq!(credential.metadata["team"], 7);
        let used = look_up(&world, link).await;
        assert_eq!(used.status(now()), LinkSessionStatus::Used);
        assert_eq!(used.used_at, Some(now()));
        let made = used.credential.expect("the credential");
        assert_eq!(made.id, id);
        assert_eq!(made.label.as_deref(), Some("Label of workspace"));
        assert_eq!(world.audited("credential.created").await.len(), 1);
        let told = format!("events WHERE kind = 'credential.created' AND credential_id = '{id}'");
        assert_eq!(world.count(&told).await, 1);
        let log = world.store.find_flow(world.account, flow).await;
        let log = log.expect("an answer").expect("the flow");
        assert_eq!(log.outcome(now()), keyway_store::FlowOutcome::Connected);
        assert_eq!(log.link_session_id, Some(link));
        let overview = world.store.count_overview(world.account, now()).await;
        assert_eq!(overview.expect("numbers").connected, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redemption_brings_the_sessions_end_user_and_metadata() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let flow = claimed(&world, link, true).await;
        let new = completion(flow, "workspace");
        let completed = world.store.complete_authorization(&new, now()).await;
        assert!(completed.expect("an answer"));
        let used = look_up(&world, link).await;
        assert_eq!(used.used_at, Some(now()));
        assert!(used.credential.is_none(), "nobody has redeemed the code");
        let redeemed =
            world
                .store
                .redeem_authorization_code(new.code.digest, world.app, None, now());
        let redeemed = redeemed.await.expect("an answer").expect("redeemed");
        let made = look_up(&world, link).await.credential.expect("made");
        assert_eq!(made.id, redeemed.credential_id);
        let kept =
            "credentials WHERE end_user_id = 'user-7' AND end_user_email = 'ada@customer.example'
                    AND metadata = '{\"team\": 7}'";
        assert_eq!(world.count(kept).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_used_session_completes_no_other_flow() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let first = claimed(&world, link, false).await;
        let second = claimed(&world, link, false).await;
        let third = claimed(&world, link, true).await;
        assert!(connect(&world, first, "one").await.is_some());
        assert!(connect(&world, second, "two").await.is_none());
        let new = completion(third, "three");
        let completed = world.store.complete_authorization(&new, now());
        assert!(!completed.await.expect("an answer"));
        assert_eq!(
            explain(&world, second, "two").await,
            CompletionRefusal::LinkSessionUsed
        );
        assert_eq!(world.count("grants").await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_began_in_time_may_end_after_the_session_expired() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let flow = claimed(&world, link, false).await;
        let grant = completion(flow, "workspace").grant;
        let late = ends() + seconds(60);
        let connected = world.store.connect_authorization(flow, &grant, late).await;
        assert!(connected.expect("an answer").is_some());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_without_a_session_makes_no_credential_at_once() {
        let world = World::new().await;
        let flow = world.claimed().await;
        assert!(connect(&world, flow, "workspace").await.is_none());
        assert_eq!(world.count("credentials").await, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_flows_of_one_session_one_makes_a_connection() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let mut flows = Vec::new();
        for _ in 0..CROWD {
            flows.push(claimed(&world, link, false).await);
        }
        let connected = world
            .race(move |number, store| {
                let flow = flows[number];
                async move {
                    let grant = completion(flow, &format!("workspace {number}")).grant;
                    store.connect_authorization(flow, &grant, now()).await
                }
            })
            .await;
        let connected = connected
            .into_iter()
            .map(|result| result.expect("an answer"));
        assert_eq!(connected.flatten().count(), 1);
        assert_eq!(world.count("credentials").await, 1);
        assert_eq!(world.count("grants").await, 1);
        let ended = "authorization_sessions WHERE completed_at IS NOT NULL";
        assert_eq!(world.count(ended).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_flows_of_one_session_one_is_issued_a_code() {
        let world = World::new().await;
        let link = inserted(&world).await;
        let mut flows = Vec::new();
        for _ in 0..CROWD {
            flows.push(claimed(&world, link, true).await);
        }
        let completed = world
            .race(move |number, store| {
                let new = completion(flows[number], &format!("workspace {number}"));
                async move { store.complete_authorization(&new, now()).await }
            })
            .await;
        let completed = completed
            .into_iter()
            .map(|result| result.expect("an answer"));
        assert_eq!(completed.filter(|completed| *completed).count(), 1);
        assert_eq!(world.count("authorization_codes").await, 1);
    }
}

mod reconnecting {
    use super::*;

    async fn refuse(
        world: &World,
        flow: AuthorizationSessionId,
        grant: &NewGrant,
        unwanted: Unwanted,
    ) {
        let failure = Failure {
            step: Step::Identity,
            error: ErrorCode::AccessDenied,
            description: "Another account.".into(),
            detail: "detail".into(),
        };
        let refused = world
            .store
            .refuse_grant(flow, grant, unwanted, &failure, now());
        refused.await.expect("stored");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_same_account_keeps_its_credential_and_is_well_again() {
        let world = World::new().await;
        let before = world.connected("workspace").await;
        let ill =
            "UPDATE credentials SET health_status = 'error', health_notes = '[\"Reconnect.\"]'";
        world.sql(ill).await;
        let link = reconnecting(&world, before.credential_id).await;
        let flow = claimed(&world, link, false).await;
        let id = connect(&world, flow, "workspace").await;
        assert_eq!(id, Some(before.credential_id));
        let well =
            "credentials WHERE health_status = 'ok' AND health_notes = '[]' AND revision = 2";
        assert_eq!(world.count(well).await, 1);
        assert_eq!(world.count("grants").await, 1, "the old one is erased");
        let told = "SELECT kind FROM events WHERE credential_id IS NOT NULL ORDER BY position";
        assert_eq!(
            world.sql(told).await,
            [
                "credential.created",
                "credential.updated",
                "credential.recovered"
            ]
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_account_changes_nothing_and_is_revoked() {
        let world = World::new().await;
        let before = world.connected("workspace").await;
        let link = reconnecting(&world, before.credential_id).await;
        for at_client in [false, true] {
            let flow = claimed(&world, link, at_client).await;
            let new = completion(flow, "other");
            if at_client {
                let completed = world.store.complete_authorization(&new, now()).await;
                assert!(!completed.expect("an answer"));
            } else {
                assert!(connect(&world, flow, "other").await.is_none());
            }
            assert_eq!(
                explain(&world, flow, "other").await,
                CompletionRefusal::OtherAccount(Some("Label of workspace".into()))
            );
            refuse(&world, flow, &new.grant, Unwanted::NotTheSameAccount).await;
            let queued = format!(
                "grants WHERE id = '{}' AND ended_reason = 'not_the_same_account' AND revoke_at = '{}'
                 AND refresh_at IS NULL AND ended_credential_id IS NULL",
                new.grant.id,
                now()
            );
            assert_eq!(world.count(&queued).await, 1);
            let log = world.store.find_flow(world.account, flow).await;
            let log = log.expect("an answer").expect("the flow");
            assert_eq!(log.failed_step.as_deref(), Some("identity"));
            assert_eq!(log.external_label.as_deref(), Some("Label of other"));
        }
        assert_eq!(
            look_up(&world, link).await.status(now()),
            LinkSessionStatus::Open
        );
        let untouched = format!(
            "credentials WHERE revision = 1 AND grant_id = '{}'",
            before.grant_id
        );
        assert_eq!(world.count(&untouched).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_kind_of_the_same_account_is_another_account() {
        let world = World::new().await;
        let before = world.connected("workspace").await;
        let link = reconnecting(&world, before.credential_id).await;
        let flow = claimed(&world, link, false).await;
        let mut grant = completion(flow, "workspace").grant;
        grant.kind = CredentialKind("linear_other".into());
        let connected = world.store.connect_authorization(flow, &grant, now()).await;
        assert_eq!(connected.expect("an answer"), None);
        let why = world.store.explain_completion_refusal(flow, &grant).await;
        assert!(
            matches!(why, Ok(CompletionRefusal::OtherAccount(_))),
            "{why:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_grant_of_an_account_that_has_a_credential_is_not_revoked() {
        let world = World::new().await;
        let wanted = world.connected("workspace").await;
        world.connected("other").await;
        let link = reconnecting(&world, wanted.credential_id).await;
        let flow = claimed(&world, link, false).await;
        let grant = completion(flow, "other").grant;
        refuse(&world, flow, &grant, Unwanted::NotTheSameAccount).await;
        assert_eq!(world.count("grants WHERE revoke_at IS NOT NULL").await, 0);
        let failed =
            "authorization_sessions WHERE failed_step = 'identity' AND sealed_secrets IS NULL";
        assert_eq!(world.count(failed).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_grant_of_a_slower_flow_waits_for_the_faster_ones_code() {
        let world = World::new().await;
        let flow = world.claimed().await;
        let grant = completion(flow, "workspace").grant;
        refuse(&world, flow, &grant, Unwanted::Unredeemed).await;
        let later = format!(
            "grants WHERE ended_reason = 'unredeemed' AND revoke_at = '{}'",
            now() + seconds(75)
        );
        assert_eq!(world.count(&later).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_goes_with_its_credential_and_no_lock_is_waited_for_in_a_circle() {
        let world = World::new().await;
        let before = world.connected("workspace").await;
        let link = reconnecting(&world, before.credential_id).await;
        let mut flows = Vec::new();
        for _ in 0..CROWD {
            flows.push(claimed(&world, link, false).await);
        }
        let client = world.database.client().await;
        let deleting = tokio::spawn(async move {
            client
                .batch_execute("DELETE FROM credentials")
                .await
                .expect("deleted");
        });
        let connected = world
            .race(move |number, store| {
                let flow = flows[number];
                async move {
                    let grant = completion(flow, "workspace").grant;
                    store.connect_authorization(flow, &grant, now()).await
                }
            })
            .await;
        deleting.await.expect("ended");
        let connected = connected
            .into_iter()
            .map(|result| result.expect("no deadlock"));
        assert!(connected.flatten().count() <= 1);
        assert_eq!(world.count("credentials").await, 0);
        assert_eq!(world.count("link_sessions").await, 0);
        let flow = claimed(&world, link, false).await;
        assert_eq!(
            explain(&world, flow, "workspace").await,
            CompletionRefusal::LinkSessionUsed
        );
    }
}
