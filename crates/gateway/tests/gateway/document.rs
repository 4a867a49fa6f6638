//! `/openapi.json` against the running router, and its page.

use keyway_domain::api_token::ApiScope;
use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    support::{Answer, Gateway},
};

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    described: Value,
}

impl Operation {
    /// Its path with ids of nothing in it.
    fn address(&self) -> String {
        self.path
            .replace("{id}", "01a20065-dfc8-7e73-b2cb-14f045897831")
            .replace("{slug}", "linear")
            .replace("{provider}", "linear")
            .replace("{token}", "x")
    }

    fn scope(&self) -> Option<&str> {
        self.described.pointer("/security/0/api_token/0")?.as_str()
    }

    fn needs_token(&self) -> bool {
        self.described.pointer("/security/0/api_token").is_some()
    }

    fn describes(&self, status: u16) -> bool {
        self.described["responses"]
            .get(status.to_string())
            .is_some()
    }

    /// The call, with an empty body where one is taken.
    async fn call(&self, client: &Client<'_>) -> Answer {
        let mut request = client.request(&self.method, &self.address());
        if self.described.get("requestBody").is_some() {
            request = request.json(&json!({}));
        }
        send(request).await
    }
}

async fn document(gateway: &Gateway) -> Value {
    gateway
        .get(&format!("{}/openapi.json", gateway.base))
        .await
        .json()
}

async fn operations(gateway: &Gateway) -> Vec<Operation> {
    let document = document(gateway).await;
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, described) in item.as_object().expect("operations") {
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    assert!(found.len() > 15);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_itself() {
    let gateway = Gateway::start().await;
    let document = document(&gateway).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Keyway");
    assert_eq!(document["info"]["license"]["name"], "Apache-2.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        document["servers"][0]["url"],
        gateway.app.public_url.as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_as_it_is_described() {
    let gateway = Gateway::start().await;
    let client = Client::new(&gateway).await;
    for operation in operations(&gateway).await {
        let answer = operation.call(&client).await;
        let name = format!("{} {}: {answer:?}", operation.method, operation.path);
        assert_ne!(answer.status, 405, "{name}");
        assert!(operation.describes(answer.status), "{name}");
        if answer.status == 404 {
            let summary = answer.json()["summary"].to_string();
            assert!(!summary.contains("no such resource"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_needs_the_scope_that_it_names() {
    let gateway = Gateway::start().await;
    for operation in operations(&gateway).await {
        let name = format!("{} {}", operation.method, operation.path);
        if !operation.needs_token() {
            assert!(!operation.path.starts_with("/v1/"), "{name} is open to all");
            continue;
        }
        let mut nobody = Client::with(&gateway, "").await;
        nobody.token = "kw_nobody".into();
        assert_eq!(operation.call(&nobody).await.status, 401, "{name}");
        let Some(scope) = operation.scope() else {
            continue;
        };
        let others: Vec<&str> = ApiScope::ALL
            .into_iter()
            .filter(|other| *other != scope)
            .collect();
        let others = Client::with(&gateway, &others.join(",")).await;
        operation
            .call(&others)
            .await
            .assert_refused(403, &format!("lacks {scope}"));
        let only = Client::with(&gateway, scope).await;
        let status = operation.call(&only).await.status;
        assert!(!matches!(status, 401 | 403), "{name}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_scope_no_endpoint_shows_a_secret() {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    let code = gateway.code(&app, &[]).await;
    let redeemed = gateway.redeem(&app, &code).await.json();
    let id = redeemed["credential"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut canaries = vec![app.client_secret.clone()];
    for name in ["access_token", "refresh_token"] {
        let secret = redeemed["credential"]["properties"][name].as_str();
        canaries.push(secret.expect("a secret").to_owned());
    }
    let scopes: Vec<&str> = ApiScope::ALL
        .into_iter()
        .filter(|scope| *scope != "credentials:token")
        .collect();
    let client = Client::with(&gateway, &scopes.join(",")).await;
    let mut shown = 0;
    for operation in operations(&gateway).await {
        // The code exchange proves itself by the secret; removals would leave nothing to look at.
        if operation.path == "/link/oauth2/token" || operation.method == "DELETE" {
            continue;
        }
        let real = if operation.path.contains("oauth-apps") {
            app.id.to_string()
        } else {
            id.clone()
        };
        let address = operation.path.replace("{id}", &real);
        let operation = Operation {
            path: address,
            ..operation
        };
        let answer = operation.call(&client).await;
        shown += usize::from(answer.body.contains("***********"));
        for canary in &canaries {
            assert!(
                !answer.body.contains(canary),
                "{} {}",
                operation.method,
                operation.path
            );
        }
    }
    assert!(shown >= 5, "masked answers were looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_page_shows_every_endpoint_and_asks_nobody_else() {
    let gateway = Gateway::start().await;
    let page = gateway.get(&format!("{}/reference", gateway.base)).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    for operation in operations(&gateway).await {
        let id = operation.described["operationId"].as_str().expect("an id");
        // Any method of the proxy does the same.
        if id.starts_with("proxy-") && operation.method != "GET" {
            continue;
        }
        assert!(page.body.contains(&format!("id=\"{id}\"")), "{id}");
    }
    for attribute in ["src=\"", "href=\""] {
        for rest in page.body.split(attribute).skip(1) {
            assert!(
                rest.starts_with('/') || rest.starts_with('#'),
                "{attribute}{}",
                &rest[..40]
            );
            assert!(!rest.starts_with("//"));
        }
    }
}
