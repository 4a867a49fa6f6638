//! The provider of the lab's own, which gateways in other processes link to.

use std::{path::Path, time::Duration};

use keyway_providers::{Catalogue, ProviderError};
use keyway_testkit::lab::{Account, Endpoint, Fault, Lab, Neutral};
use serde_json::json;

use crate::{
    faults,
    support::{Client, parse},
};

async fn client(habits: Neutral) -> Client {
    let lab = Lab::start().await;
    let mut catalogue = Catalogue::default();
    let definition = lab.definition_toml_of("lab-one", habits);
    catalogue.add("lab-one", &definition).expect("a definition");
    Client::with(lab, &catalogue, "lab-one")
}

#[tokio::test]
async fn yields_its_properties() {
    let client = client(Neutral::default()).await;
    let mut properties = client.connected().await;
    properties
        .as_object_mut()
        .expect("an object")
        .remove("expires_at");
    assert_eq!(
        properties,
        json!({
            "kind": "lab_one_oauth2",
            "access_token": client.access_token(),
            "refresh_token": client.refresh_token(),
            "scope": "read",
            "account_id": "account-1",
            "account_name": "First account",
        })
    );
}

#[tokio::test]
async fn answers_by_form_if_asked() {
    let habits = Neutral {
        form_post: true,
        ..Neutral::default()
    };
    let client = client(habits).await;
    let callback = client.lab.approve(&client.start().url).await;
    assert_eq!(callback.expect("a callback").method, "POST");
}

#[tokio::test]
async fn a_flow_by_form_completes() {
    let habits = Neutral {
        form_post: true,
        ..Neutral::default()
    };
    assert!(client(habits).await.connect().await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_should_be_there_is_missed() {
    let client = client(Neutral::default()).await;
    let why = "iss is missing, and this provider sends it";
    assert_eq!(
        client.verify(&parse("code=c&state=s")),
        Err(ProviderError::Untrusted(why.into()))
    );
}

#[tokio::test]
async fn another_issuer_is_not_trusted() {
    let client = client(Neutral::default()).await;
    let why = "iss is not this provider's issuer";
    assert_eq!(
        client.verify(&parse("code=c&state=s&iss=https://evil.example")),
        Err(ProviderError::Untrusted(why.into()))
    );
}

#[tokio::test]
async fn revokes() {
    let client = client(Neutral::default()).await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(true));
    assert!(!client.lab.is_live(&client.access_token()));
}

#[tokio::test]
async fn a_definition_works_from_a_directory() {
    let lab = Lab::start().await;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("from-a-directory");
    std::fs::create_dir_all(&directory).expect("directory");
    let definition = lab.definition_toml("lab");
    std::fs::write(directory.join("lab.toml"), definition).expect("file");
    let mut catalogue = Catalogue::shipped().expect("catalogue");
    catalogue.add_directory(&directory).expect("a definition");
    let client = Client::with(lab, &catalogue, "lab");
    client.connected().await;
    assert_eq!(client.lab.calls("lab", Endpoint::Token).len(), 1);
}

/// A client whose token endpoint fails like this, once.
async fn failing(fault: Fault) -> Client {
    let client = client(Neutral::default()).await.impatient();
    client.lab.fail_once("lab-one", Endpoint::Token, fault);
    client
}

/// How that flow ends.
async fn failed(fault: Fault) -> ProviderError {
    let outcome = failing(fault).await.connect().await;
    outcome.expect_err("a failure").1
}

#[tokio::test]
async fn a_connection_can_be_closed_without_an_answer() {
    let why = "connection closed before message completed";
    assert_eq!(
        failed(Fault::Reset).await,
        ProviderError::Broken(why.into())
    );
}

#[tokio::test]
async fn a_request_without_an_answer_is_sent_once() {
    let client = failing(Fault::Reset).await;
    client.connect().await.expect_err("a failure");
    assert_eq!(client.lab.calls("lab-one", Endpoint::Token).len(), 1);
}

#[tokio::test]
async fn an_answer_can_be_cut_in_half() {
    let error = failed(Fault::Truncated).await;
    assert!(matches!(error, ProviderError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn an_answer_can_drip() {
    let dripping = Fault::Drip(Duration::from_millis(20));
    assert_eq!(failed(dripping).await, ProviderError::Timeout(1));
}

#[tokio::test]
async fn an_endpoint_can_redirect() {
    let away = Fault::Redirect("https://evil.example/".into());
    assert_eq!(failed(away).await, faults::status(302, ""));
}

#[tokio::test]
async fn a_fault_for_once_is_over_after_one_call() {
    let client = failing(Fault::Status(503)).await;
    client.connect().await.expect_err("a failure");
    assert!(client.connect().await.is_ok());
}

#[tokio::test]
async fn a_fault_until_further_notice_is_over_when_it_is_cleared() {
    let client = client(Neutral::default()).await;
    client
        .lab
        .fail("lab-one", Endpoint::Token, Fault::Status(503));
    for _ in 0..2 {
        client.connect().await.expect_err("a failure");
    }
    client.lab.clear("lab-one");
    assert!(client.connect().await.is_ok());
}

#[tokio::test]
async fn an_authorization_endpoint_that_fails_keeps_the_browser() {
    let client = client(Neutral::default()).await;
    client
        .lab
        .fail_once("lab-one", Endpoint::Authorize, Fault::Garbage);
    let page = client.lab.approve(&client.start().url).await;
    assert_eq!(page.expect_err("a page").status, 200);
}

#[tokio::test]
async fn the_next_consent_can_be_refused() {
    let client = client(Neutral::default()).await;
    client.lab.refuse_next("lab-one");
    let callback = client.lab.approve(&client.start().url).await;
    let error = callback.expect("a callback").parameter("error");
    assert_eq!(error.as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn somebody_else_can_sign_in() {
    let client = client(Neutral::default()).await;
    let account = Account {
        id: "account-2".into(),
        name: "Second account".into(),
        email: "second@example.com".into(),
    };
    client.lab.sign_in("lab-one", account);
    let granted = client.connect().await.expect("a grant");
    assert_eq!(granted.external.id, "account-2");
}

#[tokio::test]
async fn removing_the_app_ends_its_tokens() {
    let client = client(Neutral::default()).await;
    client.connected().await;
    client.lab.end_all("lab-one");
    assert!(!client.lab.is_live(&client.access_token()));
}
