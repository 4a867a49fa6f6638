//! What the tests of webhooks share.

use chrono::{DateTime, Utc};
use keyway_domain::{
    audit::Actor,
    event::EventKind,
    ids::{AccountId, CredentialId, EventId, WebhookEndpointId},
    webhook::WebhookUrl,
};
use keyway_store::{
    ClaimedDelivery, DeliveryOutcome, DeliveryState, NewWebhookEndpoint, WebhookDelivery,
};

use crate::support::{World, now, random, sealed};

pub fn new_endpoint(account: AccountId, url: &str) -> NewWebhookEndpoint {
    NewWebhookEndpoint {
        id: WebhookEndpointId::generate(now(), random()),
        account_id: account,
        url: WebhookUrl::parse(url).expect("a URL"),
        description: None,
        events: None,
        sealed_secret: sealed("secret"),
        created_at: now(),
    }
}

pub fn credential() -> CredentialId {
    CredentialId::generate(now(), random())
}

impl World {
    pub async fn endpoint(&self) -> WebhookEndpointId {
        self.endpoint_of(self.account).await
    }

    pub async fn endpoint_of(&self, account: AccountId) -> WebhookEndpointId {
        let new = new_endpoint(account, "https://client.example/hooks");
        self.insert_endpoint(&new).await;
        new.id
    }

    pub async fn insert_endpoint(&self, new: &NewWebhookEndpoint) {
        let inserted = self.store.insert_webhook_endpoint(new, Actor::Operator);
        inserted.await.expect("stored");
    }

    /// Something that happened to a credential, as any statement would write it.
    pub async fn event(&self, credential: CredentialId, kind: EventKind) -> EventId {
        self.event_at(credential, kind, now()).await
    }

    pub async fn event_at(
        &self,
        credential: CredentialId,
        kind: EventKind,
        at: DateTime<Utc>,
    ) -> EventId {
        let id = EventId::generate(at, random());
        self.sql(&format!(
            "INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
             VALUES ('{id}', '{}', '{}', '{credential}', '{}', '{{\"provider\": \"linear\"}}', '{at}')",
            self.account,
            kind.as_str(),
            self.app,
        ))
        .await;
        id
    }

    pub async fn claim_deliveries(&self, at: DateTime<Utc>) -> Vec<ClaimedDelivery> {
        let claimed = self.store.claim_webhook_deliveries(100, at).await;
        claimed.expect("claimed")
    }

    /// The one delivery that is due.
    pub async fn claim_one(&self, at: DateTime<Utc>) -> ClaimedDelivery {
        let mut claimed = self.claim_deliveries(at).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    pub async fn finish(
        &self,
        claimed: &ClaimedDelivery,
        outcome: &DeliveryOutcome,
        at: DateTime<Utc>,
    ) -> bool {
        let finished = self
            .store
            .finish_webhook_delivery(claimed.id, claimed.lease, outcome, at);
        finished.await.expect("an answer")
    }

    pub async fn deliveries(
        &self,
        endpoint: WebhookEndpointId,
        state: Option<DeliveryState>,
    ) -> Vec<WebhookDelivery> {
        let listed = self
            .store
            .list_webhook_deliveries(self.account, endpoint, state, None, 100);
        listed.await.expect("a list")
    }
}

pub fn delivered() -> DeliveryOutcome {
    DeliveryOutcome::Delivered { status: 204 }
}

pub fn failed(next_attempt_at: DateTime<Utc>) -> DeliveryOutcome {
    DeliveryOutcome::Failed {
        status: Some(500),
        error: "it answered 500".into(),
        next_attempt_at,
    }
}

pub fn dead() -> DeliveryOutcome {
    DeliveryOutcome::Dead {
        status: None,
        error: "no connection".into(),
    }
}
