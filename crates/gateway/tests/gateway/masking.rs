//! Secrets are for who may have them: every operation of the document is called, for things that are
//! there, by a client that may do all but read tokens.

use std::{cmp::Reverse, time::Duration};

use keyway_domain::{api_token::ApiScope, credential::MASK};
use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    operations::{Operation, operations},
    receiver::{Does, Receiver},
    support::{Answer, Gateway, TestApp},
    upstream::Upstream,
};

/// The one scope that is for secrets.
const FOR_SECRETS: &str = "credentials:token";
const PROVIDER: &str = "up";
/// What no answer may hold, besides what the lab issues.
const IMPORTED: [&str; 2] = ["canary-imported-access", "canary-imported-refresh"];
const STATE: &str = "canary-state";

/// A gateway with one of everything that has an id.
struct World {
    gateway: Gateway,
    app: TestApp,
    importing: TestApp,
    credential: String,
    webhook: String,
    delivery: String,
    event: String,
    redirect_uri: String,
    link_session: String,
    client_secret: String,
    /// Secrets that a client was shown once.
    shown_once: Vec<String>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl World {
    async fn new() -> Self {
        let upstream = Upstream::start();
        let gateway = Gateway::start_with(Duration::from_secs(10), |lab| {
            vec![(
                PROVIDER,
                upstream.definition(&lab.definition_toml(PROVIDER)),
            )]
        })
        .await;
        let app = gateway.register(PROVIDER).await;
        let importing = gateway.register("linear").await;
        let client = Client::new(&gateway).await;
        let receiver = Receiver::start();
        receiver.does(Does::Answer(500));
        let webhook = json!({"url": receiver.url});
        let webhook = client.post("/v1/webhooks", &webhook).await.ok(201);
        let credential = gateway.credential(&app, &[]).await.to_string();
        gateway.deliver().await;
        let deliveries = format!("/v1/webhooks/{}/deliveries", text(&webhook["id"]));
        let deliveries = client.get(&deliveries).await.ok(200);
        let redirect_uris = client.get("/v1/redirect-uris").await.ok(200);
        let session = json!({"end_user": {"id": "user-7"}, "state": STATE});
        let session = client.post("/v1/link-sessions", &session).await.ok(201);
        let secrets = format!("/v1/oauth-apps/{}/client-secrets", app.id);
        let secret = client.post(&secrets, &json!({})).await.ok(201);
        let page = text(&session["url"]);
        let (_, session_token) = page.rsplit_once('/').expect("a token");
        Self {
            credential,
            webhook: text(&webhook["id"]),
            delivery: text(&deliveries["data"][0]["id"]),
            event: gateway.sql("SELECT id FROM events").await.remove(0),
            redirect_uri: text(&redirect_uris["data"][0]["id"]),
            link_session: text(&session["id"]),
            client_secret: text(&secret["id"]),
            shown_once: vec![
                text(&webhook["secret"]),
                session_token.to_owned(),
                text(&secret["client_secret"]),
            ],
            app,
            importing,
            gateway,
        }
    }

    /// The address of what is there.
    fn address(&self, operation: &Operation) -> String {
        let app = self.app.id.to_string();
        let id = match operation.path.split('/').nth(2) {
            Some("oauth-apps") => &app,
            Some("redirect-uris") => &self.redirect_uri,
            Some("webhooks") => &self.webhook,
            Some("events") => &self.event,
            Some("link-sessions") => &self.link_session,
            _ => &self.credential,
        };
        operation.address_of(&[
            ("{id}", id),
            ("{delivery_id}", &self.delivery),
            ("{secret_id}", &self.client_secret),
            ("{credential_id}", &self.credential),
            ("{client_id}", &self.importing.id.to_string()),
            ("{path}", "bytes/10"),
            ("{slug}", PROVIDER),
            ("{provider}", PROVIDER),
            ("{token}", "x"),
        ])
    }

    /// A body that the operation takes.
    fn body(&self, operation: &Operation) -> Value {
        let [access_token, refresh_token] = IMPORTED;
        match operation.id.as_str() {
            "importCredential" => json!({
                "oauth_app_id": self.importing.id,
                "properties": {
                    "kind": "linear_oauth2", "access_token": access_token,
                    "refresh_token": refresh_token, "expires_at": "2030-01-01T00:00:00Z",
                    "scope": "read", "linear_org_id": "org-7", "linear_org_name": "Arrakis Inc.",
                },
            }),
            "makeStartLink" => json!({
                "oauth_app_id": self.app.id, "state": STATE,
                "redirect_url": format!("https://client.example/oauth2/callback/{PROVIDER}"),
            }),
            "createLinkSession" => json!({"end_user": {"id": "user-8"}, "state": STATE}),
            "createOauthApp" => json!({
                "provider": "stripe", "client_id": "another", "name": "Another",
                "client_secret": self.importing.client_secret,
            }),
            "changeOauthApp" => json!({"client_secret": self.app.client_secret}),
            "changeCredential" => json!({"metadata": {"team": 7}}),
            "createRedirectUri" => json!({"uri": "https://client.example/another"}),
            "createWebhook" => json!({"url": "https://client.example/hooks"}),
            "changeWebhook" => json!({"description": "Billing"}),
            _ => json!({}),
        }
    }

    /// Everything that is secret by now: refreshes on the way bring new tokens.
    fn canaries(&self) -> Vec<String> {
        let lab = &self.gateway.lab;
        let access = lab.access_tokens(PROVIDER).into_iter();
        let issued = access.chain(lab.refresh_tokens(PROVIDER));
        let mut canaries: Vec<String> = issued.map(|issued| issued.token).collect();
        assert!(canaries.len() >= 2, "the lab issued both kinds");
        let apps = [&self.app, &self.importing];
        canaries.extend(apps.map(|app| app.client_secret.clone()));
        canaries.extend(IMPORTED.map(str::to_owned));
        canaries.push(STATE.to_owned());
        canaries.extend(self.shown_once.clone());
        canaries
    }

    #[track_caller]
    fn assert_masked(&self, operation: &Operation, answer: &Answer) {
        for canary in self.canaries() {
            let within = |value: &[u8]| {
                let mut windows = value.windows(canary.len());
                windows.any(|window| window == canary.as_bytes())
            };
            assert!(!within(answer.body.as_bytes()), "{}: body", operation.id);
            for (name, value) in &answer.headers {
                assert!(!within(value.as_bytes()), "{}: {name}", operation.id);
            }
        }
    }
}

/// What is removed is removed last: what belongs to something before that, and of an app and its
/// credential the credential first. The proxy's DELETE removes nothing of ours.
fn order(operation: &Operation) -> (bool, Reverse<usize>, String) {
    let removes = operation.method == "DELETE" && !operation.id.starts_with("proxy");
    let depth = if removes {
        operation.path.split('/').count()
    } else {
        0
    };
    (removes, Reverse(depth), operation.path.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_scope_no_endpoint_shows_a_secret() {
    let world = World::new().await;
    let scopes: Vec<&str> = ApiScope::ALL
        .into_iter()
        .filter(|scope| *scope != FOR_SECRETS)
        .collect();
    let client = Client::with(&world.gateway, &scopes.join(",")).await;
    let mut all = operations(&world.gateway).await;
    // The code exchange proves itself by the secret, and is answered with tokens.
    all.retain(|operation| operation.id != "exchangeCode");
    all.sort_by_key(order);
    let (mut succeeded, mut masked) = (0, 0);
    for operation in &all {
        let mut request = client.request(&operation.method, &world.address(operation));
        if operation.takes_body() {
            request = request.json(&world.body(operation));
        }
        let answer = send(request).await;
        world.assert_masked(operation, &answer);
        let (id, status) = (&operation.id, answer.status);
        match operation.scope() {
            Some(FOR_SECRETS) => assert_eq!(status, 403, "{id}"),
            // The browser's part of a flow, without a flow.
            None if !operation.needs_token() => {}
            _ => {
                assert!((200..300).contains(&status), "{id}: {answer:?}");
                succeeded += 1;
            }
        }
        masked += usize::from(answer.body.contains(MASK));
    }
    assert!(succeeded > 30, "{succeeded} of {} succeeded", all.len());
    assert!(masked >= 10, "{masked} answers were masked");
}
