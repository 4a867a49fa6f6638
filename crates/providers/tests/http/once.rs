//! A request is sent once: a token request is not idempotent.

use keyway_providers::ProviderError;

use crate::origin::{Does, Origin, client, fails, provider, redeem, tokens};

#[tokio::test]
async fn a_request_that_was_read_is_not_sent_again() {
    let origin = Origin::start(vec![Does::Close]).await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    fails(&provider, &client(&["127.0.0.1"])).await;
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn nor_is_one_on_a_kept_connection() {
    let origin = Origin::start(vec![Does::Answer(tokens()), Does::Close]).await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    let http = client(&["127.0.0.1"]);
    redeem(&provider, &http).await.expect("tokens");
    fails(&provider, &http).await;
    assert_eq!((origin.requests(), origin.connections()), (2, 1));
}

#[tokio::test]
async fn a_closed_connection_is_told() {
    let origin = Origin::start(vec![Does::Close]).await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    let error = fails(&provider, &client(&["127.0.0.1"])).await;
    assert_eq!(
        error,
        ProviderError::Broken("connection closed before message completed".into())
    );
}
