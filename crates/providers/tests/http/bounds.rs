//! How much, and how long.

use std::{io::Write as _, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use keyway_providers::{
    ProviderError,
    http::{CALL_TIMEOUT, SystemLookup},
};

use crate::origin::{
    Does, Origin, answer, client, client_within, fails, json, provider, redeem, tokens,
};

/// How redeeming a code fails at an origin that does this.
async fn fails_with(does: Does) -> ProviderError {
    fails_within(CALL_TIMEOUT, does).await
}

/// How it fails if there is this much time.
async fn fails_within(time: Duration, does: Does) -> ProviderError {
    let origin = Origin::start(vec![does]).await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    let http = client_within(&["127.0.0.1"], Arc::new(SystemLookup), time);
    fails(&provider, &http).await
}

/// Tokens, and blanks up to this size.
fn padded(size: usize) -> Vec<u8> {
    let tokens = br#"{"access_token": "access-token", "id": "account"}"#;
    let mut body = tokens.to_vec();
    body.resize(size, b' ');
    body
}

const CAP: usize = 1024 * 1024;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_answer_over_the_cap_is_refused() {
    let large = answer("200 OK", &[], &padded(CAP + 1));
    assert_eq!(
        fails_with(Does::Answer(large)).await,
        ProviderError::TooLarge(CAP)
    );
}

#[tokio::test]
async fn an_answer_of_the_cap_is_read() {
    let origin = Origin::start(vec![Does::Answer(answer("200 OK", &[], &padded(CAP)))]).await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    assert!(redeem(&provider, &client(&["127.0.0.1"])).await.is_ok());
}

#[tokio::test]
async fn a_compressed_answer_counts_by_what_it_becomes() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&padded(64 * CAP)).expect("memory");
    let bomb = bomb.finish().expect("memory");
    assert!(bomb.len() < CAP);
    let headers = ["content-type: application/json", "content-encoding: gzip"];
    assert_eq!(
        fails_with(Does::Answer(answer("200 OK", &headers, &bomb))).await,
        ProviderError::TooLarge(CAP)
    );
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let dripping = Does::Drip(tokens(), Duration::from_millis(20));
    assert_eq!(
        fails_within(SECOND, dripping).await,
        ProviderError::Timeout(1)
    );
}

#[tokio::test]
async fn silence_is_cut_off() {
    let silent = Does::Drip(tokens(), Duration::from_hours(1));
    assert_eq!(
        fails_within(SECOND, silent).await,
        ProviderError::Timeout(1)
    );
}

#[tokio::test]
async fn half_an_answer_is_not_an_answer() {
    let half = json(r#"{"access_token": "acc"#);
    let why = "neither JSON nor a form, but 21 bytes of application/json";
    assert_eq!(
        fails_with(Does::Answer(half)).await,
        ProviderError::Malformed(why.into())
    );
}
