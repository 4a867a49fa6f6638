//! Large bodies through the proxy of a gateway, whose memory is watched from outside.

use std::time::Duration;

use futures_util::stream;
use keyway_domain::{
    Clock as _,
    api_token::{ApiScope, ApiToken},
    audit::Actor,
    clock::SystemClock,
    ids::ApiTokenId,
    opaque::OpaqueToken as _,
    random::OsRandom,
};
use keyway_store::NewApiToken;
use serde_json::Value;

use crate::{
    fleet::{Fleet, PROVIDER, Process},
    upstream::Upstream,
};

const GIB: usize = 1024 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
const MAX_GROWTH_KIB: u64 = 20 * 1024;

struct World {
    fleet: Fleet,
    gateway: Process,
    upstream: Upstream,
    base: String,
    token: String,
}

impl World {
    async fn new() -> Self {
        let fleet = Fleet::new().await;
        let upstream = Upstream::start();
        fleet.define(&upstream.definition(&fleet.lab.definition_toml(PROVIDER)));
        let gateway = fleet.start().await;
        let code = fleet.code(&gateway).await;
        let (status, redeemed) = fleet.redeem(&gateway, &code).await;
        assert_eq!(status, 200, "{redeemed}");
        let id = redeemed.pointer("/credential/id").and_then(Value::as_str);
        let id = id.expect("an id");
        let base = format!("http://{}/v1/proxy/credential/{id}", gateway.address);
        let token = token(&fleet).await;
        Self {
            fleet,
            gateway,
            upstream,
            base,
            token,
        }
    }

    fn call(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.fleet
            .http
            .request(method, format!("{}/{path}", self.base))
            .bearer_auth(&self.token)
            .timeout(Duration::from_mins(10))
    }

    async fn download(&self, size: usize) {
        let call = self.call(reqwest::Method::GET, &format!("bytes/{size}"));
        let mut answer = call.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut length = 0;
        while let Some(part) = answer.chunk().await.expect("a part") {
            length += part.len();
        }
        assert_eq!(length, size);
    }

    async fn upload(&self, size: usize) {
        let part = vec![b'x'; CHUNK];
        let parts = std::iter::repeat_n(part, size / CHUNK).map(Ok::<_, std::io::Error>);
        let body = reqwest::Body::wrap_stream(stream::iter(parts));
        let call = self.call(reqwest::Method::POST, "upload").body(body);
        let answer = call.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let echoed: Value = answer.json().await.expect("JSON");
        assert_eq!(echoed.get("length"), Some(&size.into()));
    }
}

async fn token(fleet: &Fleet) -> String {
    let token = ApiToken::generate(&OsRandom);
    let now = SystemClock.now();
    let new = NewApiToken {
        id: ApiTokenId::generate(now, &OsRandom),
        account_id: fleet.account,
        name: "test".into(),
        digest: keyway_vault::digest::unkeyed(&token),
        scopes: ApiScope::parse_list("proxy").expect("scopes"),
        created_at: now,
        expires_at: None,
    };
    let stored = fleet.store.insert_api_token(&new, Actor::Operator);
    stored.await.expect("stored");
    token.secret().expose().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_goes_through_in_bounded_memory() {
    let world = World::new().await;
    world.upload(16 * CHUNK).await;
    world.download(16 * CHUNK).await;
    let before = world.gateway.memory_kib("VmRSS");
    world.gateway.forget_peak();
    world.upload(GIB).await;
    let up = world.gateway.memory_kib("VmHWM").saturating_sub(before);
    world.download(GIB).await;
    let both = world.gateway.memory_kib("VmHWM").saturating_sub(before);
    println!("peak growth in KiB: {up} up, {both} after both");
    assert_eq!(world.upstream.requests(), 4);
    assert!(both < MAX_GROWTH_KIB, "{up} KiB up, {both} KiB after both");
}

/// A reader who takes nothing holds the provider up, not the gateway's memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_does_not_read_costs_no_memory() {
    let world = World::new().await;
    world.download(16 * CHUNK).await;
    let before = world.gateway.memory_kib("VmRSS");
    world.gateway.forget_peak();
    let mut held = Vec::new();
    for _ in 0..8 {
        let call = world.call(reqwest::Method::GET, &format!("bytes/{GIB}"));
        let mut answer = call.send().await.expect("an answer");
        answer.chunk().await.expect("a part");
        held.push(answer);
    }
    // Another call goes through meanwhile, and gives the others time to fill what buffers there are.
    world.download(GIB / 8).await;
    let growth = world.gateway.memory_kib("VmHWM").saturating_sub(before);
    println!("peak growth in KiB: {growth}");
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB");
}
