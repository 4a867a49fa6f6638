//! A grant that is over at the provider, from the refresh that finds out to the reconnection.

use chrono::TimeDelta;
use keyway_domain::{
    Clock as _,
    clock::SystemClock,
    health::{Health, HealthStatus},
    ids::CredentialId,
};
use keyway_gateway::lifecycle::refresher::Refresher;
use keyway_testkit::lab::Endpoint;
use keyway_web::config::RefreshLimits;
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::{
    backend::Backend,
    receiver::{self, Received, Receiver},
};

const LIMITS: RefreshLimits = RefreshLimits {
    concurrency: 16,
    rate: 50,
};

/// A client backend with a connected account, and the endpoint where it hears of it.
struct World {
    backend: Backend,
    refresher: Refresher,
    receiver: Receiver,
    library: Webhook,
    id: CredentialId,
}

impl World {
    async fn new() -> Self {
        let backend = Backend::of("snyk").await;
        // The reference library compares with the machine's clock: the refresh falls due now.
        let lifetime = TimeDelta::hours(1);
        backend.gateway.now_is(SystemClock.now() - lifetime);
        let receiver = Receiver::start();
        let endpoint = receiver::Backend::new(&backend.gateway).await;
        let (_, secret) = endpoint.register(&receiver.url).await;
        let id = backend.connect().await;
        Self {
            refresher: Refresher::new(backend.gateway.app.clone(), LIMITS),
            library: Webhook::new(&secret).expect("a secret"),
            backend,
            receiver,
            id,
        }
    }

    /// What the endpoint heard of this type, after all that is due was sent.
    async fn heard(&self, kind: &str) -> Vec<Received> {
        self.backend.gateway.deliver().await;
        let mut heard = self.receiver.taken();
        heard.retain(|one| one.json()["type"] == kind);
        heard
    }

    /// The one delivery of this type, which the reference library verifies: its data.
    async fn verified(&self, kind: &str) -> Value {
        let heard = self.heard(kind).await;
        assert_eq!(heard.len(), 1, "{kind}: {heard:?}");
        let one = &heard[0];
        self.library
            .verify(&one.body, &one.headers)
            .expect("verified");
        one.json()["data"].clone()
    }

    async fn health(&self) -> Health {
        self.backend.shown(self.id).await.health
    }

    async fn round(&self) -> usize {
        self.refresher.once().await.expect("an answer")
    }

    /// How many calls reached the provider, whatever they were for.
    fn calls(&self) -> usize {
        let endpoints = [
            Endpoint::Token,
            Endpoint::Refresh,
            Endpoint::Revoke,
            Endpoint::Identity,
        ];
        let lab = &self.backend.gateway.lab;
        let calls = endpoints.map(|endpoint| lab.calls("snyk", endpoint).len());
        calls.iter().sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_dead_after_one_attempt_and_the_client_hears_of_both_ends() {
    let world = World::new().await;
    let (backend, lab) = (&world.backend, &world.backend.gateway.lab);
    lab.end_all("snyk");
    backend.wait_until(SystemClock.now());
    let before = world.calls();
    assert_eq!(world.round().await, 1);
    assert_eq!(world.calls(), before + 1);
    let health = world.health().await;
    assert_eq!(health.status, HealthStatus::Error);
    let data = world.verified("credential.refresh_failed").await;
    assert_eq!(data["credential_id"], world.id.to_string());
    assert_eq!(data["health"]["status"], "error");
    assert_eq!(data["health"]["notes"][0], health.notes[0]);

    for _ in 0..24 {
        backend.gateway.clock.advance(TimeDelta::hours(1));
        assert_eq!(world.round().await, 0);
        let answer = backend.read(world.id).await;
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    assert_eq!(world.calls(), before + 1, "nobody asks again");
    assert_eq!(world.heard("credential.refresh_failed").await.len(), 1);
    assert!(world.heard("credential.recovered").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnection_heals_it_and_the_client_hears_of_it() {
    let world = World::new().await;
    let (backend, lab) = (&world.backend, &world.backend.gateway.lab);
    lab.end_all("snyk");
    backend.wait_until(SystemClock.now());
    assert_eq!(world.round().await, 1);
    assert_eq!(world.health().await.status, HealthStatus::Error);
    assert!(world.heard("credential.recovered").await.is_empty());
    assert_eq!(backend.connect().await, world.id, "the same account");
    assert_eq!(world.health().await.status, HealthStatus::Ok);
    let data = world.verified("credential.recovered").await;
    assert_eq!(data["credential_id"], world.id.to_string());
    backend.good(&backend.read(world.id).await);
}
