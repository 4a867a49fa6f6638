//! A webhook receiver, and a client backend that manages its webhooks.

use std::sync::{Arc, Mutex};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::pending;
use keyway_domain::ids::AccountId;
use keyway_gateway::lifecycle::webhooks;
use keyway_web::server::Listening;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    backend::api_token,
    support::{Answer, Gateway},
};

/// What a receiver does with a request, after it has read it.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    Answer(u16),
    /// Answers with `Retry-After`.
    AskForPatience(u16, u32),
    /// Redirects to another path of itself.
    Redirect(u16),
    /// Never answers.
    Hang,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether it was answered with success.
    pub taken: bool,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("the header");
        value.to_str().expect("text")
    }

    pub fn event(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    pub fn credential(&self) -> String {
        let id = &self.json()["data"]["credential_id"];
        id.as_str().expect("a credential").to_owned()
    }

    /// Whether the reference library makes this very signature with the secret. It compares the
    /// timestamp with the machine's clock, which these tests do not live by: where they do, they
    /// let it verify.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let library = Webhook::new(secret).expect("a secret");
        let timestamp = self.header("webhook-timestamp").parse().expect("seconds");
        let expected = library
            .sign(self.header("webhook-id"), timestamp, &self.body)
            .expect("signed");
        let mut signatures = self.header("webhook-signature").split(' ');
        signatures.any(|signature| signature == expected)
    }

    pub fn signatures(&self) -> usize {
        self.header("webhook-signature").split(' ').count()
    }
}

#[derive(Debug)]
struct State {
    does: Does,
    received: Vec<Received>,
}

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<State>>,
    arrived: Arc<Notify>,
    stop: CancellationToken,
}

impl Receiver {
    /// A receiver that takes everything.
    pub fn start() -> Self {
        let listening = Listening::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let url = format!("http://{}/hooks", listening.address());
        let state = Arc::new(Mutex::new(State {
            does: Does::Answer(204),
            received: Vec::new(),
        }));
        let (arrived, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let (shared, notify) = (Arc::clone(&state), Arc::clone(&arrived));
        let routes = move |config: &mut web::ServiceConfig| {
            let (shared, notify) = (Arc::clone(&shared), Arc::clone(&notify));
            config.default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                let (shared, notify) = (Arc::clone(&shared), Arc::clone(&notify));
                async move { receive(&shared, &notify, &request, &body).await }
            }));
        };
        tokio::spawn(listening.run(routes, stop.clone()).expect("a server"));
        Self {
            url,
            state,
            arrived,
            stop,
        }
    }

    /// What it does from now on.
    pub fn does(&self, does: Does) {
        self.state.lock().expect("lock").does = does;
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().expect("lock").received.clone()
    }

    /// The events that it took, in their order.
    pub fn taken(&self) -> Vec<Received> {
        let received = self.received();
        received.into_iter().filter(|one| one.taken).collect()
    }

    /// Waits until so many requests have come.
    pub async fn until(&self, count: usize) {
        let reached = async {
            loop {
                let arrived = self.arrived.notified();
                if self.received().len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        let within = std::time::Duration::from_secs(30);
        tokio::time::timeout(within, reached)
            .await
            .unwrap_or_else(|_| panic!("{} of {count} came", self.received().len()));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn receive(
    state: &Mutex<State>,
    arrived: &Notify,
    request: &HttpRequest,
    body: &web::Bytes,
) -> HttpResponse {
    let headers = request.headers().iter().map(|(name, value)| {
        let name = name.as_str().parse().expect("a name");
        let value: reqwest::header::HeaderValue = value.as_bytes().try_into().expect("a value");
        (name, value)
    });
    let does = {
        let mut state = state.lock().expect("lock");
        let does = state.does;
        state.received.push(Received {
            path: request.path().to_owned(),
            headers: headers.collect(),
            body: body.to_vec(),
            taken: matches!(does, Does::Answer(200..=299)),
        });
        does
    };
    arrived.notify_one();
    let status = |status| StatusCode::from_u16(status).expect("a status");
    match does {
        Does::Answer(code) => HttpResponse::new(status(code)),
        Does::AskForPatience(code, seconds) => HttpResponse::build(status(code))
            .insert_header(("retry-after", seconds.to_string()))
            .finish(),
        Does::Redirect(code) => HttpResponse::build(status(code))
            .insert_header(("location", "/elsewhere"))
            .finish(),
        Does::Hang => pending().await,
    }
}

/// A client backend with an API token of these scopes.
pub struct Backend<'a> {
    gateway: &'a Gateway,
    token: String,
}

impl<'a> Backend<'a> {
    pub async fn new(gateway: &'a Gateway) -> Self {
        let scopes = "webhooks:read,webhooks:write,events:read";
        Self::of(gateway, gateway.account, scopes).await
    }

    pub async fn of(gateway: &'a Gateway, account: AccountId, scopes: &str) -> Self {
        Self {
            gateway,
            token: api_token(gateway, account, scopes).await,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.gateway.base);
        self.gateway
            .request(method, &url)
            .header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    /// Registers an endpoint: its id and secret.
    pub async fn register(&self, url: &str) -> (String, String) {
        let answer = self.post("/v1/webhooks", &json!({"url": url})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let text = |name: &str| body[name].as_str().expect("text").to_owned();
        (text("id"), text("secret"))
    }
}

impl Gateway {
    /// Sends what is due now, until nothing is.
    pub async fn deliver(&self) {
        while webhooks::once(&self.app).await.expect("claimed") > 0 {}
    }

    /// Moves the clock to the next attempt that is planned; by how much.
    pub async fn advance_to_next_attempt(&self) -> TimeDelta {
        let next = "SELECT extract(epoch FROM min(next_attempt_at))::text
                    FROM webhook_deliveries WHERE state = 'pending'";
        let seconds: f64 = self.sql(next).await[0].parse().expect("a moment");
        let next = DateTime::from_timestamp_millis(millis(seconds)).expect("a moment");
        // What is due may be due since a part of a millisecond.
        let by = (next - self.app.now() + TimeDelta::milliseconds(1)).max(TimeDelta::zero());
        self.clock.advance(by);
        by
    }

    /// Something that happened to a credential, as any statement would write it; its id.
    pub async fn event(&self, credential: &str, kind: &str) -> String {
        let insert = format!(
            "INSERT INTO events (id, account_id, kind, credential_id, data, created_at)
             VALUES (gen_random_uuid(), '{}', '{kind}', '{credential}', '{{}}', '{}') RETURNING id",
            self.account,
            self.app.now(),
        );
        self.sql(&insert).await.remove(0)
    }

    /// Moves the clock to a moment.
    pub fn now_is(&self, at: DateTime<Utc>) {
        self.clock.advance(at - self.app.now());
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a moment of these years"
)]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}
