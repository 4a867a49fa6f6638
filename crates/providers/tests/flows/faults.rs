//! What every provider can do wrong, and what comes of it.

use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use keyway_domain::oauth_error::ErrorCode;
use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::{Endpoint, Fault};

use crate::support::{Client, parse};

/// How a flow ends if an endpoint fails.
pub(crate) async fn ends(
    client: &Client,
    endpoint: Endpoint,
    fault: Fault,
) -> (Stage, ProviderError) {
    client.lab.fail(&client.app.provider, endpoint, fault);
    client.connect().await.expect_err("a failure")
}

/// A refusal in the provider's words.
pub(crate) fn refused(status: u16, error: &str, description: Option<&str>) -> ProviderError {
    ProviderError::Refused {
        status,
        error: error.into(),
        description: description.map(Into::into),
        retry_after: None,
    }
}

/// An error status without an error that can be read.
pub(crate) fn status(status: u16, excerpt: &str) -> ProviderError {
    ProviderError::Status {
        status,
        excerpt: excerpt.into(),
        retry_after: None,
    }
}

/// What the lab's garbage is.
pub(crate) fn garbage() -> ProviderError {
    ProviderError::Malformed(
        "neither JSON nor a form, but 70 bytes of text/html; charset=utf-8".into(),
    )
}

pub(crate) const SLOW: Fault = Fault::Slow(Duration::from_mins(1));

pub(crate) async fn refused_consent(client: Client) {
    let callback = client.denied().await.expect("a callback");
    let parameters = parse(&callback.encoded());
    client.verify(&parameters).expect("a callback to trust");
    let error = parameters.get("error").expect("an error");
    let code = ErrorCode::from_authorization_response(error);
    assert_eq!(
        (code, parameters.get("code")),
        (ErrorCode::AccessDenied, None)
    );
}

/// The documented endpoints are reached, each in the documented way, and the code is spent once.
pub(crate) async fn clean(client: Client) {
    client.connect().await.expect("a grant");
    let provider = &client.app.provider;
    assert_eq!(
        (client.lab.strays(), client.lab.repeated(provider).len()),
        (Vec::new(), 0)
    );
}

/// The token endpoint answers with everything that it was sent.
pub(crate) async fn echo(client: Client) {
    let started = client.start();
    let parameters = client.approved(&started).await;
    let fault = Fault::Echo(400);
    client
        .lab
        .fail(&client.app.provider, Endpoint::Token, fault);
    let (_, error) = client
        .complete(&started, &parameters)
        .await
        .expect_err("a failure");
    let words = format!("{error} {error:?}");
    for secret in [
        client.app.client_secret.as_str(),
        parameters.get("code").expect("a code"),
        started.verifier.secret().expose(),
        &basic(&client),
    ] {
        assert!(!words.contains(secret), "{words}");
    }
    assert!(words.contains("[redacted]"), "{words}");
}

/// The client's id and secret as a Basic header has them.
fn basic(client: &Client) -> String {
    let pair = format!("{}:{}", client.app.client_id, client.app.client_secret);
    Base64::encode_string(pair.as_bytes())
}

/// The identity endpoint answers with everything that it was sent.
pub(crate) async fn identity_echo(client: Client) {
    let (_, error) = ends(&client, Endpoint::Identity, Fault::Echo(400)).await;
    let words = format!("{error} {error:?}");
    for secret in [client.app.client_secret.clone(), client.access_token()] {
        assert!(!words.contains(&secret), "{words}");
    }
    assert!(words.contains("[redacted]"), "{words}");
}

/// The tests that every provider gets. `token_down` and `token_refusal` are what becomes of status
/// 500 and of an error at status 200.
macro_rules! token_faults {
    ($client:expr, token_down: $down:expr, token_refusal: $refusal:expr $(,)?) => {
        #[tokio::test]
        async fn the_documented_endpoints_are_reached_once() {
            $crate::faults::clean($client.await).await;
        }

        #[tokio::test]
        async fn token_endpoint_down() {
            let fault = keyway_testkit::lab::Fault::Status(500);
            let error = $crate::faults::ends(&$client.await, Endpoint::Token, fault).await;
            assert_eq!(error, (Stage::Exchange, $down));
        }

        #[tokio::test]
        async fn token_endpoint_refuses_at_status_200() {
            let fault = keyway_testkit::lab::Fault::OkWithError;
            let error = $crate::faults::ends(&$client.await, Endpoint::Token, fault).await;
            assert_eq!(error, (Stage::Exchange, $refusal));
        }

        #[tokio::test]
        async fn token_endpoint_slow() {
            let client = $client.await.impatient();
            let error = $crate::faults::ends(&client, Endpoint::Token, $crate::faults::SLOW).await;
            assert_eq!(
                error,
                (Stage::Exchange, keyway_providers::ProviderError::Timeout(1))
            );
        }

        #[tokio::test]
        async fn token_endpoint_answers_garbage() {
            let fault = keyway_testkit::lab::Fault::Garbage;
            let error = $crate::faults::ends(&$client.await, Endpoint::Token, fault).await;
            assert_eq!(error, (Stage::Exchange, $crate::faults::garbage()));
        }

        #[tokio::test]
        async fn token_endpoint_answers_ten_megabytes() {
            let fault = keyway_testkit::lab::Fault::Huge(10 * 1024 * 1024);
            let error = $crate::faults::ends(&$client.await, Endpoint::Token, fault).await;
            let too_large = keyway_providers::ProviderError::TooLarge(1024 * 1024);
            assert_eq!(error, (Stage::Exchange, too_large));
        }

        #[tokio::test]
        async fn words_of_the_token_endpoint_hold_no_secret() {
            $crate::faults::echo($client.await).await;
        }
    };
}

/// The tests that every provider with an identity call gets.
macro_rules! identity_faults {
    ($client:expr, identity_down: $down:expr, identity_refusal: $refusal:expr $(,)?) => {
        #[tokio::test]
        async fn identity_endpoint_down() {
            let fault = keyway_testkit::lab::Fault::Status(500);
            let error = $crate::faults::ends(&$client.await, Endpoint::Identity, fault).await;
            assert_eq!(error, (Stage::Identity, $down));
        }

        #[tokio::test]
        async fn identity_endpoint_refuses_at_status_200() {
            let fault = keyway_testkit::lab::Fault::OkWithError;
            let error = $crate::faults::ends(&$client.await, Endpoint::Identity, fault).await;
            assert_eq!(error, (Stage::Identity, $refusal));
        }

        #[tokio::test]
        async fn identity_endpoint_slow() {
            let client = $client.await.impatient();
            let error =
                $crate::faults::ends(&client, Endpoint::Identity, $crate::faults::SLOW).await;
            assert_eq!(
                error,
                (Stage::Identity, keyway_providers::ProviderError::Timeout(1))
            );
        }

        #[tokio::test]
        async fn words_of_the_identity_endpoint_hold_no_secret() {
            $crate::faults::identity_echo($client.await).await;
        }
    };
}

pub(crate) use {identity_faults, token_faults};
