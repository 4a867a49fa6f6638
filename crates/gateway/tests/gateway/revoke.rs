//! Grants that end: of deleted credentials, of removed apps, and at an admin's request.

use chrono::TimeDelta;
use keyway_domain::{audit::Actor, ids::CredentialId, revocation::RevocationOutcome};
use keyway_gateway::lifecycle::revoke::{self, Deleted, Revoked};
use keyway_store::Removal;
use keyway_testkit::lab::{Account, Endpoint, Fault};
use serde_json::{Value, json};

use crate::support::{Gateway, TestApp};

impl Gateway {
    /// A whole flow, to the credential.
    pub async fn credential(&self, app: &TestApp, parameters: &[(&str, &str)]) -> CredentialId {
        let code = self.code(app, parameters).await;
        let answer = self.redeem(app, &code).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", answer.log());
        let id = answer.json()["credential"]["id"].clone();
        serde_json::from_value(id).expect("an id")
    }

    async fn delete(&self, id: CredentialId) -> Deleted {
        let deleted = revoke::delete_credential(&self.app, self.account, id, None, Actor::Operator);
        deleted.await.expect("an answer")
    }

    /// The revocations that events told of, in order.
    async fn told(&self) -> Vec<Value> {
        let events = self
            .sql("SELECT jsonb_build_array(kind, data -> 'revocation') FROM events WHERE kind IN ('credential.deleted', 'credential.revoked') ORDER BY position")
            .await;
        let events = events.iter().map(|event| serde_json::from_str(event));
        events.map(|event| event.expect("a pair")).collect()
    }

    async fn count_of(&self, what: &str) -> String {
        self.sql(&format!("SELECT count(*) FROM {what}"))
            .await
            .remove(0)
    }
}

fn parameters(provider: &str) -> &'static [(&'static str, &'static str)] {
    match provider {
        "shopify" => &[("param.shop", "acme")],
        _ => &[],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_credential_revokes_wherever_there_is_a_way() {
    let gateway = Gateway::start().await;
    let providers: Vec<(String, bool)> = gateway
        .app
        .catalogue
        .installed()
        .iter()
        .filter(|provider| gateway.lab.plays(provider.slug.as_str()))
        .map(|provider| {
            let documents = provider.definition.revoke.is_some();
            (provider.slug.to_string(), documents)
        })
        .collect();
    assert!(providers.iter().filter(|(_, documents)| *documents).count() >= 9);
    for (provider, documents) in providers {
        let app = gateway.register(&provider).await;
        let id = gateway.credential(&app, parameters(&provider)).await;
        let outcome = if documents { "revoked" } else { "unsupported" };
        match gateway.delete(id).await {
            Deleted::Deleted(Some(revocation)) => {
                assert_eq!(revocation.outcome.as_str(), outcome, "{provider}");
            }
            other => panic!("{provider}: {other:?}"),
        }
        let calls = gateway.lab.calls(&provider, Endpoint::Revoke).len();
        assert_eq!(calls, usize::from(documents), "{provider}");
        let last = gateway.told().await.pop().expect("an event");
        assert_eq!(
            last,
            json!(["credential.deleted", {"outcome": outcome}]),
            "{provider}"
        );
        if documents {
            let access = gateway.lab.access_tokens(&provider);
            let refresh = gateway.lab.refresh_tokens(&provider);
            // These two end the refresh token alone, and say so.
            let is_partial = matches!(provider.as_str(), "hubspot" | "snyk");
            let dead = if is_partial { refresh } else { access };
            assert!(dead.iter().all(|token| !token.live), "{provider}");
        }
    }
    assert_eq!(gateway.count_of("grants").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_asked_again_and_the_late_success_is_told() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    gateway
        .lab
        .fail("linear", Endpoint::Revoke, Fault::Status(503));
    let Deleted::Deleted(Some(first)) = gateway.delete(id).await else {
        panic!("not deleted");
    };
    assert_eq!(first.outcome, RevocationOutcome::Failed);
    let failed = gateway.told().await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0][0], "credential.deleted");
    assert_eq!(failed[0][1]["outcome"], "failed");
    let detail = failed[0][1]["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("the provider answered 503"), "{detail}");
    assert_eq!(gateway.count_of("grants").await, "1");

    gateway.clock.advance(TimeDelta::seconds(59));
    assert_eq!(revoke::once(&gateway.app).await.expect("nothing due"), 0);
    gateway.clock.advance(TimeDelta::seconds(1));
    assert_eq!(revoke::once(&gateway.app).await.expect("tried"), 1);
    assert_eq!(gateway.told().await.len(), 1, "no second failure is told");
    gateway.lab.clear("linear");
    gateway.clock.advance(TimeDelta::minutes(5));
    assert_eq!(revoke::once(&gateway.app).await.expect("tried"), 1);
    assert_eq!(
        gateway.told().await.pop(),
        Some(json!(["credential.revoked", {"outcome": "revoked"}]))
    );
    assert_eq!(gateway.count_of("grants").await, "0");
    assert_eq!(gateway.lab.calls("linear", Endpoint::Revoke).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_refuses_for_good_is_not_repeated() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    gateway.lab.end_all("linear");
    let Deleted::Deleted(Some(revocation)) = gateway.delete(id).await else {
        panic!("not deleted");
    };
    assert_eq!(revocation.outcome, RevocationOutcome::Failed);
    assert_eq!(gateway.count_of("grants").await, "0");
    gateway.clock.advance(TimeDelta::days(1));
    assert_eq!(revoke::once(&gateway.app).await.expect("nothing"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnected_account_is_not_taken_along() {
    let gateway = Gateway::start().await;
    let app = gateway.register("stripe").await;
    let id = gateway.credential(&app, &[]).await;
    gateway
        .lab
        .fail_once("stripe", Endpoint::Revoke, Fault::Status(503));
    gateway.delete(id).await;
    let again = gateway.credential(&app, &[]).await;
    assert_ne!(again, id);
    gateway.clock.advance(TimeDelta::minutes(1));
    assert_eq!(revoke::once(&gateway.app).await.expect("ended"), 1);
    assert_eq!(gateway.lab.calls("stripe", Endpoint::Revoke).len(), 1);
    assert_eq!(gateway.count_of("grants").await, "1");
    let tokens = gateway.lab.access_tokens("stripe");
    assert!(tokens.iter().all(|token| token.live), "the new one works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_came_back_before_the_first_attempt_is_told_as_superseded() {
    let gateway = Gateway::start().await;
    let app = gateway.register("stripe").await;
    let id = gateway.credential(&app, &[]).await;
    let (store, now) = (&gateway.app.store, gateway.app.now());
    store
        .delete_credential(gateway.account, id, None, Actor::Operator, now)
        .await
        .expect("deleted");
    gateway.credential(&app, &[]).await;
    assert_eq!(revoke::once(&gateway.app).await.expect("ended"), 1);
    let superseded = json!(["credential.deleted", {"outcome": "superseded"}]);
    assert_eq!(gateway.told().await, [superseded]);
    assert!(gateway.lab.calls("stripe", Endpoint::Revoke).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_leaves_its_claim_to_the_next() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    let (store, now) = (&gateway.app.store, gateway.app.now());
    store
        .delete_credential(gateway.account, id, None, Actor::Operator, now)
        .await
        .expect("deleted");
    let lost = store.claim_revocations(16, now).await.expect("claimed");
    assert_eq!(lost.len(), 1);
    drop(lost);
    assert_eq!(revoke::once(&gateway.app).await.expect("not yet"), 0);
    gateway.clock.advance(TimeDelta::seconds(30));
    assert_eq!(revoke::once(&gateway.app).await.expect("revoked"), 1);
    assert_eq!(
        gateway.told().await,
        [json!(["credential.deleted", {"outcome": "revoked"}])]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_kills_whoever_claims_it_is_given_up() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    let store = &gateway.app.store;
    store
        .delete_credential(
            gateway.account,
            id,
            None,
            Actor::Operator,
            gateway.app.now(),
        )
        .await
        .expect("deleted");
    for _ in 0..5 {
        let lost = store.claim_revocations(16, gateway.app.now()).await;
        assert_eq!(lost.expect("claimed").len(), 1);
        gateway.clock.advance(TimeDelta::seconds(30));
    }
    assert_eq!(revoke::once(&gateway.app).await.expect("given up"), 1);
    assert_eq!(gateway.count_of("grants").await, "0");
    assert_eq!(gateway.told().await[0][1]["outcome"], "failed");
    assert!(gateway.lab.calls("linear", Endpoint::Revoke).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_app_takes_its_credentials_along() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    for name in ["one", "two", "three"] {
        let account = Account {
            id: name.to_owned(),
            name: name.to_owned(),
            email: format!("{name}@example.com"),
        };
        gateway.lab.sign_in("linear", account);
        gateway.credential(&app, &[]).await;
    }
    let store = &gateway.app.store;
    let remove = |force| {
        store.remove_oauth_app(
            gateway.account,
            app.id,
            force,
            None,
            Actor::Operator,
            gateway.app.now(),
        )
    };
    assert_eq!(remove(false).await.expect("an answer"), Removal::InUse(3));
    assert_eq!(remove(true).await.expect("an answer"), Removal::Removed);
    let answer = gateway.get(&gateway.start_url(&app, &[])).await;
    assert_eq!(answer.status, 400, "no flow starts any more");
    assert_eq!(revoke::once(&gateway.app).await.expect("revoked"), 3);
    let revoked = json!(["credential.deleted", {"outcome": "revoked"}]);
    assert_eq!(gateway.told().await, vec![revoked; 3]);
    assert!(
        gateway
            .lab
            .access_tokens("linear")
            .iter()
            .all(|token| !token.live)
    );
    for table in ["grants", "credentials", "oauth_apps"] {
        assert_eq!(gateway.count_of(table).await, "0", "{table}");
    }
    assert_eq!(
        gateway
            .count_of("events WHERE kind = 'oauth_app.deleted'")
            .await,
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_credential_stays_and_must_be_connected_again() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    let revoked = revoke::revoke_credential(&gateway.app, gateway.account, id, Actor::Operator);
    let Revoked::Asked(revocation) = revoked.await.expect("an answer") else {
        panic!("not asked");
    };
    assert_eq!(revocation.outcome, RevocationOutcome::Revoked);
    let store = &gateway.app.store;
    let found = store.find_credential(gateway.account, id).await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!(found.health.status.as_str(), "error");
    assert!(found.health.notes[0].contains("revoked"));
    assert_eq!(found.refresh_at, None);
    assert_eq!(
        gateway.told().await,
        [json!(["credential.revoked", {"outcome": "revoked"}])]
    );
    let again = gateway.credential(&app, &[]).await;
    assert_eq!(again, id, "connected again, it is the same credential");
    let found = store.find_credential(gateway.account, id).await;
    let found = found.expect("an answer").expect("the credential");
    assert_eq!(found.health.status.as_str(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_fails_or_has_no_way_changes_nothing() {
    let gateway = Gateway::start().await;
    let linear = gateway.register("linear").await;
    let airtable = gateway.register("airtable").await;
    gateway
        .lab
        .fail("linear", Endpoint::Revoke, Fault::Status(500));
    for (app, outcome) in [
        (&linear, RevocationOutcome::Failed),
        (&airtable, RevocationOutcome::Unsupported),
    ] {
        let id = gateway.credential(app, &[]).await;
        let revoked = revoke::revoke_credential(&gateway.app, gateway.account, id, Actor::Operator);
        let Revoked::Asked(revocation) = revoked.await.expect("an answer") else {
            panic!("not asked");
        };
        assert_eq!(revocation.outcome, outcome);
    }
    assert!(gateway.told().await.is_empty());
    let untouched = "credentials c JOIN grants g ON g.id = c.grant_id WHERE health_status = 'ok' AND lease_id IS NULL";
    assert_eq!(gateway.count_of(untouched).await, "2");
    let stranger = gateway.other_account().await;
    let id = gateway.credential(&linear, &[]).await;
    let revoked = revoke::revoke_credential(&gateway.app, stranger, id, Actor::Operator);
    assert_eq!(revoked.await.expect("an answer"), Revoked::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_loses_nothing() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let id = gateway.credential(&app, &[]).await;
    let deleting =
        revoke::delete_credential(&gateway.app, gateway.account, id, None, Actor::Operator);
    let mut deleting = Box::pin(deleting);
    assert!(futures_util::poll!(&mut deleting).is_pending());
    drop(deleting);
    gateway.app.tasks.close();
    gateway.app.tasks.wait().await;
    assert_eq!(
        gateway.told().await,
        [json!(["credential.deleted", {"outcome": "revoked"}])]
    );
}
