//! What time makes obsolete, in batches that several gateways share.

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    authorization_code,
    authorization_session::{LIFETIME, NewSession},
    ids::{AdminId, AuthorizationSessionId, ConsoleSessionId, StartLinkId},
};
use keyway_store::{Erased, NewStartLink};

use crate::support::{CROWD, World, digest, instant, now, random, sealed, seconds, values};

const FLOW_LOG: TimeDelta = TimeDelta::days(30);

/// When a grant may be taken whose code was issued now and never redeemed.
fn forsaken() -> DateTime<Utc> {
    now() + authorization_code::LIFETIME + seconds(15) + instant()
}

async fn sweep(world: &World, at: DateTime<Utc>) -> Erased {
    world.store.sweep(at).await.expect("swept")
}

/// How many grants were ended whose code nobody redeemed.
async fn end(world: &World, at: DateTime<Utc>) -> usize {
    let ended = world.store.end_unredeemed_grants(at).await;
    ended.expect("ended")
}

/// So many flows at once, as they lie there when nobody came back.
async fn insert_flows(world: &World, count: usize) {
    let insert = format!(
        "INSERT INTO authorization_sessions
             (id, account_id, oauth_app_id, provider, redirect_uri, state_digest, sealed_secrets, created_at, expires_at)
         SELECT overlay('{}'::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, '{}', '{}', 'linear',
                'https://client.example/cb', sha256(n::text::bytea), 'secrets', '{}', '{}'
         FROM generate_series(1, {count}) n",
        AuthorizationSessionId::generate(now(), random()),
        world.account,
        world.app,
        now(),
        now() + LIFETIME,
    );
    world.sql(&insert).await;
}

mod secrets {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_keeps_its_secrets_until_its_end() {
        let world = World::new().await;
        let started = world.started().await;
        let kept = world
            .store
            .keep_response(started.id, started.state, &sealed("response"), now())
            .await;
        assert!(kept.expect("an answer"));
        let secrets = "authorization_sessions WHERE sealed_secrets IS NOT NULL OR sealed_response IS NOT NULL";
        let end = now() + LIFETIME;
        assert_eq!(sweep(&world, end).await.session_secrets, 0);
        assert_eq!(world.count(secrets).await, 1);
        assert_eq!(sweep(&world, end + instant()).await.session_secrets, 1);
        assert_eq!(world.count(secrets).await, 0);
        assert_eq!(sweep(&world, end + instant()).await, Erased::default());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_is_a_thousand() {
        let world = World::new().await;
        insert_flows(&world, 1001).await;
        let end = now() + LIFETIME + instant();
        assert_eq!(sweep(&world, end).await.session_secrets, 1000);
        assert_eq!(sweep(&world, end).await.session_secrets, 1);
        assert_eq!(sweep(&world, end).await.session_secrets, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_somebody_holds_is_left_for_the_next_sweep() {
        let world = World::new().await;
        insert_flows(&world, 2).await;
        let client = world.database.client().await;
        let hold = "BEGIN; SELECT FROM authorization_sessions LIMIT 1 FOR UPDATE";
        client.batch_execute(hold).await.expect("held");
        let end = now() + LIFETIME + instant();
        assert_eq!(sweep(&world, end).await.session_secrets, 1);
        client.batch_execute("ROLLBACK").await.expect("let go");
        assert_eq!(sweep(&world, end).await.session_secrets, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_sweeps_share_the_work() {
        let world = World::new().await;
        insert_flows(&world, 3000).await;
        let erased = world
            .race(|_, store| async move {
                let swept = store.sweep(now() + LIFETIME + instant()).await;
                swept.expect("swept").session_secrets
            })
            .await;
        assert_eq!(erased.into_iter().sum::<usize>(), 3000);
    }
}

mod flows {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_flow_log_reaches_back_thirty_days() {
        let world = World::new().await;
        let kept = world.started().await.id;
        let at = now() - TimeDelta::milliseconds(1);
        let old = NewSession {
            id: AuthorizationSessionId::generate(at, random()),
            ..world.session()
        };
        world.start(&old).await;
        assert_eq!(sweep(&world, now() + FLOW_LOG).await.flows, 1);
        let left = world.sql("SELECT id FROM authorization_sessions").await;
        assert_eq!(left, [kept.to_string()]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_is_a_thousand() {
        let world = World::new().await;
        insert_flows(&world, 1001).await;
        let late = now() + FLOW_LOG + seconds(1);
        assert_eq!(sweep(&world, late).await.flows, 1000);
        assert_eq!(sweep(&world, late).await.flows, 1);
        assert_eq!(sweep(&world, late).await.flows, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_somebody_holds_is_left_for_the_next_sweep() {
        let world = World::new().await;
        insert_flows(&world, 2).await;
        let client = world.database.client().await;
        let hold = "BEGIN; SELECT FROM authorization_sessions LIMIT 1 FOR UPDATE";
        client.batch_execute(hold).await.expect("held");
        let late = now() + FLOW_LOG + seconds(1);
        assert_eq!(sweep(&world, late).await.flows, 1);
        client.batch_execute("ROLLBACK").await.expect("let go");
        assert_eq!(sweep(&world, late).await.flows, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_credential_outlives_its_flow() {
        let world = World::new().await;
        world.connected("workspace").await;
        assert_eq!(sweep(&world, now() + FLOW_LOG + seconds(1)).await.flows, 1);
        assert_eq!(world.count("authorization_codes").await, 0);
        assert_eq!(world.count("credentials").await, 1);
        assert_eq!(world.count("grants").await, 1);
    }

    /// The code is the only way to the grant: without it, nobody would revoke or erase that.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_stays_until_its_unredeemed_grant_was_ended() {
        let world = World::new().await;
        world.issued("workspace").await;
        let late = now() + FLOW_LOG + seconds(1);
        assert_eq!(sweep(&world, late).await.flows, 0);
        assert_eq!(end(&world, late).await, 1);
        assert_eq!(sweep(&world, late).await.flows, 1);
    }
}

mod others {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sessions_and_links_go_after_their_end() {
        let world = World::new().await;
        let (admin, end) = (admin(&world).await, now() + seconds(60));
        let store = &world.store;
        let id = ConsoleSessionId::generate(now(), random());
        let inserted = store.insert_console_session(id, admin, digest(), now(), end);
        inserted.await.expect("stored");
        let replaced = store.replace_setup_link(digest(), now(), end).await;
        replaced.expect("stored");
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
            expires_at: end,
        };
        store.insert_start_link(&link).await.expect("stored");
        assert_eq!(sweep(&world, end).await, Erased::default());
        assert_eq!(sweep(&world, end + instant()).await.others, 3);
        for table in ["console_sessions", "setup_links", "start_links"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
    }

    async fn admin(world: &World) -> AdminId {
        let ids = world.sql("SELECT id FROM admins").await;
        let id: uuid::Uuid = ids[0].parse().expect("an id");
        id.into()
    }
}

mod grants {
    use super::*;

    /// Flows whose codes nobody redeemed.
    async fn issue(world: &World, count: usize) {
        for number in 0..count {
            world.issued(&format!("workspace {number}")).await;
        }
    }

    const TO_REVOKE: &str = "grants WHERE ended_reason = 'unredeemed'";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_grant_is_left_alone_while_a_redemption_may_still_run() {
        let world = World::new().await;
        world.issued("workspace").await;
        assert_eq!(end(&world, forsaken() - instant()).await, 0);
        assert_eq!(world.count(TO_REVOKE).await, 0);
        assert_eq!(end(&world, forsaken()).await, 1);
        assert_eq!(world.count(TO_REVOKE).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redeemed_grant_is_never_ended() {
        let world = World::new().await;
        world.connected("workspace").await;
        assert_eq!(end(&world, forsaken()).await, 0);
        assert_eq!(world.count(TO_REVOKE).await, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_is_a_hundred_and_the_next_goes_on() {
        let world = World::new().await;
        issue(&world, 103).await;
        assert_eq!(end(&world, forsaken()).await, 100);
        assert_eq!(end(&world, forsaken()).await, 3);
        assert_eq!(end(&world, forsaken()).await, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_grant_whose_code_somebody_holds_is_left_for_the_next_sweep() {
        let world = World::new().await;
        issue(&world, 2).await;
        let client = world.database.client().await;
        let hold = "BEGIN; SELECT FROM authorization_codes LIMIT 1 FOR UPDATE";
        client.batch_execute(hold).await.expect("held");
        assert_eq!(end(&world, forsaken()).await, 1);
        client.batch_execute("ROLLBACK").await.expect("let go");
        assert_eq!(end(&world, forsaken()).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_grant_is_ended_once() {
        let world = World::new().await;
        issue(&world, 2 * CROWD).await;
        let ended = world
            .race(|_, store| async move {
                let ended = store.end_unredeemed_grants(forsaken()).await;
                ended.expect("ended")
            })
            .await;
        assert_eq!(ended.into_iter().sum::<usize>(), 2 * CROWD, "none twice");
        assert_eq!(
            world.count(TO_REVOKE).await,
            2 * CROWD,
            "and none forgotten"
        );
    }
}
