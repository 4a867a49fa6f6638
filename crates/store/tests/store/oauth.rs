//! What the OAuth endpoints keep: refresh tokens, pushed requests, proofs, secrets, signing keys.

use keyway_domain::{
    audit::Actor,
    authorization_session::OauthRequest,
    client_settings::ClientSettings,
    ids::{
        ClientSecretId, OauthAppId, PushedRequestId, RefreshFamilyId, RefreshTokenId, SigningKeyId,
    },
    opaque::{ClientSecret, Digest, ProofId, PushedRequestUri, RefreshToken},
};
use keyway_store::{
    FamilyEnd, NewFamily, NewPushedRequest, NewRefreshToken, OauthAppChange, OauthRedemption,
    StoredSigningKey,
};
use serde_json::json;

use crate::support::{CROWD, World, completion, digest, instant, now, random, sealed, seconds};

const REDIRECT_URI: &str = "https://client.example/cb";
const DAY: i64 = 24 * 3600;

fn token() -> NewRefreshToken {
    NewRefreshToken {
        id: RefreshTokenId::generate(now(), random()),
        digest: digest(),
        expires_at: now() + seconds(DAY),
    }
}

/// A family with its first token, of a code that was asked for with this key and bound to it.
async fn family(world: &World, jkt: Option<&str>) -> (RefreshFamilyId, Digest<RefreshToken>) {
    let session = world.claimed().await;
    let mut completion = completion(session, "workspace");
    completion.code.oauth = Some(OauthRequest {
        redirect_uri: REDIRECT_URI.into(),
        nonce: None,
        dpop_jkt: jkt.map(str::to_owned),
        openid: false,
    });
    let store = &world.store;
    assert!(
        store
            .complete_authorization(&completion, now())
            .await
            .expect("an answer")
    );
    let family = NewFamily {
        id: RefreshFamilyId::generate(now(), random()),
        dpop_jkt: jkt,
        expires_at: None,
        token: token(),
    };
    let (id, first) = (family.id, family.token.digest);
    let redemption = OauthRedemption {
        code: completion.code.digest,
        app: world.app,
        challenge: None,
        redirect_uri: REDIRECT_URI,
        dpop_jkt: jkt,
        family,
    };
    // Each of what binds it, taken away.
    let other = OauthAppId::generate(now(), random());
    for wrong in [
        OauthRedemption {
            app: other,
            ..redemption.clone()
        },
        OauthRedemption {
            redirect_uri: "https://client.example/other",
            ..redemption.clone()
        },
    ] {
        assert!(
            store
                .redeem_oauth_code(&wrong, now())
                .await
                .expect("an answer")
                .is_none()
        );
    }
    if jkt.is_some() {
        for dpop_jkt in [None, Some("other")] {
            let wrong = OauthRedemption {
                dpop_jkt,
                ..redemption.clone()
            };
            assert!(
                store
                    .redeem_oauth_code(&wrong, now())
                    .await
                    .expect("an answer")
                    .is_none()
            );
        }
    }
    let late = store
        .redeem_oauth_code(&redemption, completion.code.expires_at)
        .await;
    assert!(late.expect("an answer").is_none());
    let redeemed = store.redeem_oauth_code(&redemption, now()).await;
    assert!(redeemed.expect("an answer").is_some());
    (id, first)
}

async fn rotate(
    world: &World,
    presented: Digest<RefreshToken>,
    app: OauthAppId,
    jkt: Option<&str>,
    (leeway, at): (i64, i64),
) -> Option<Digest<RefreshToken>> {
    let next = token();
    let (leeway, at) = (seconds(leeway), now() + seconds(at));
    let rotated = world
        .store
        .rotate_refresh_token(presented, app, jkt, leeway, &next, at)
        .await;
    rotated.expect("an answer").then_some(next.digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_spent_once_by_its_own_app_with_its_own_key() {
    let world = World::new().await;
    let (_, first) = family(&world, Some("key")).await;
    let other = OauthAppId::generate(now(), random());
    assert!(
        rotate(&world, first, other, Some("key"), (0, 0))
            .await
            .is_none()
    );
    assert!(
        rotate(&world, first, world.app, None, (0, 0))
            .await
            .is_none()
    );
    assert!(
        rotate(&world, first, world.app, Some("other"), (0, 0))
            .await
            .is_none()
    );
    assert!(
        rotate(&world, first, world.app, Some("key"), (0, DAY))
            .await
            .is_none()
    );
    assert!(
        rotate(&world, first, world.app, Some("key"), (0, 1))
            .await
            .is_some()
    );
    // A gateway whose clock is behind that of the one that spent it.
    assert!(
        rotate(&world, first, world.app, Some("key"), (0, 0))
            .await
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_that_spend_one_token_one_succeeds() {
    let world = World::new().await;
    let (_, first) = family(&world, None).await;
    let app = world.app;
    let spent = world
        .race(move |number, store| async move {
            let at = now() + instant() * i32::try_from(CROWD - number).expect("small");
            let next = token();
            let spent = store.rotate_refresh_token(first, app, None, seconds(0), &next, at);
            spent.await.expect("an answer")
        })
        .await;
    assert_eq!(spent.into_iter().filter(|spent| *spent).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leeway_is_for_the_last_one_and_is_not_moved() {
    let world = World::new().await;
    let (_, first) = family(&world, None).await;
    let app = world.app;
    let second = rotate(&world, first, app, None, (30, 0))
        .await
        .expect("rotated");
    assert!(rotate(&world, first, app, None, (30, 29)).await.is_some());
    assert!(rotate(&world, first, app, None, (30, 30)).await.is_none());
    assert!(rotate(&world, second, app, None, (30, 31)).await.is_some());
    assert!(
        rotate(&world, first, app, None, (300, 31)).await.is_none(),
        "its answer arrived"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_ends_once_and_all_its_tokens_with_it() {
    let world = World::new().await;
    let (id, first) = family(&world, None).await;
    let other = OauthAppId::generate(now(), random());
    let end = async |app| {
        let ended = world
            .store
            .end_refresh_family(id, app, FamilyEnd::Revoked, now());
        ended.await.expect("an answer")
    };
    assert!(!end(other).await);
    assert!(end(world.app).await);
    assert!(!end(world.app).await);
    assert!(
        rotate(&world, first, world.app, None, (0, 0))
            .await
            .is_none()
    );
    let audited = "audit_events WHERE action = 'refresh_token.revoked'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_taken_once_by_its_app_in_time() {
    let world = World::new().await;
    let uri: Digest<PushedRequestUri> = digest();
    let new = NewPushedRequest {
        id: PushedRequestId::generate(now(), random()),
        account_id: world.account,
        oauth_app_id: world.app,
        digest: uri,
        sealed_parameters: sealed("request"),
        created_at: now(),
        expires_at: now() + seconds(60),
    };
    world
        .store
        .insert_pushed_request(&new)
        .await
        .expect("stored");
    let other = OauthAppId::generate(now(), random());
    let take = async |app, at| {
        let taken = world.store.take_pushed_request(uri, app, at).await;
        taken.expect("an answer")
    };
    assert!(take(other, now()).await.is_none());
    assert!(take(world.app, now() + seconds(60)).await.is_none());
    let app = world.app;
    let taken = world
        .race(move |_, store| async move {
            let taken = store.take_pushed_request(uri, app, now()).await;
            taken.expect("an answer").is_some()
        })
        .await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken_once_until_it_is_too_old() {
    let world = World::new().await;
    let proof: Digest<ProofId> = digest();
    let taken = world
        .race(move |_, store| async move {
            let taken = store.take_proof(proof, now() + seconds(60)).await;
            taken.expect("an answer")
        })
        .await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(
        world
            .store
            .sweep_proofs(now() + seconds(60))
            .await
            .expect("swept"),
        0
    );
    let later = now() + seconds(60) + instant();
    assert_eq!(world.store.sweep_proofs(later).await.expect("swept"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_two_secrets_at_most() {
    let world = World::new().await;
    let (account, app) = (world.account, world.app);
    let made = world
        .race(move |_, store| async move {
            let id = ClientSecretId::generate(now(), random());
            let secret: Digest<ClientSecret> = digest();
            let made = store.insert_client_secret(account, app, id, secret, Actor::Operator, now());
            made.await.expect("an answer")
        })
        .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 2);
    assert_eq!(world.count("client_secrets").await, 2);
    let known = world
        .store
        .list_client_secrets(account, app)
        .await
        .expect("a list");
    let stranger = keyway_domain::ids::AccountId::generate(now(), random());
    let delete = async |account, id| {
        let deleted = world
            .store
            .delete_client_secret(account, app, id, Actor::Operator, now());
        deleted.await.expect("an answer")
    };
    assert!(!delete(stranger, known[0].id).await);
    assert!(delete(account, known[0].id).await);
    assert_eq!(world.count("client_secrets").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signing_keys_are_stored_once() {
    let world = World::new().await;
    let key = |algorithm: &str| StoredSigningKey {
        id: SigningKeyId::generate(now(), random()),
        algorithm: algorithm.into(),
        public_jwk: json!({}),
        sealed_private_key: sealed("key"),
        created_at: now(),
        signs_from: now(),
    };
    let stored = world
        .race(move |_, store| async move {
            let keys = [key("ES256"), key("RS256")];
            store
                .insert_signing_keys(&keys, true)
                .await
                .expect("stored")
        })
        .await;
    assert_eq!(stored.into_iter().sum::<usize>(), 2);
    let next = world
        .store
        .insert_signing_keys(&[key("ES256")], false)
        .await;
    assert_eq!(next.expect("stored"), 1);
    assert_eq!(
        world.store.list_signing_keys().await.expect("a list").len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_and_those_of_a_later_version_are_not_misread() {
    let world = World::new().await;
    let settings = ClientSettings {
        refresh_token_leeway: 7,
        ..ClientSettings::default()
    };
    let change = OauthAppChange {
        settings: Some(settings.clone()),
        ..OauthAppChange::default()
    };
    let (account, app) = (world.account, world.app);
    let changed = world
        .store
        .update_oauth_app(account, app, &change, Actor::Operator, now());
    assert_eq!(
        changed.await.expect("an answer").expect("an app").settings,
        settings
    );
    let target = world.store.find_link_target(app).await.expect("an answer");
    assert_eq!(target.expect("an app").settings, settings);
    world
        .sql("UPDATE oauth_apps SET settings = '{\"stricter\": true}'")
        .await;
    assert!(
        world.store.find_link_target(app).await.is_err(),
        "it fails closed"
    );
}
