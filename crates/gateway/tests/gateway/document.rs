//! `/openapi.json` against the running router, and its page.

use keyway_domain::api_token::ApiScope;

use crate::{
    client::Client,
    operations::{document, operations},
    support::Gateway,
};

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
async fn the_reference_page_shows_every_endpoint_and_asks_nobody_else() {
    let gateway = Gateway::start().await;
    let page = gateway.get(&format!("{}/reference", gateway.base)).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    for operation in operations(&gateway).await {
        let id = &operation.id;
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
