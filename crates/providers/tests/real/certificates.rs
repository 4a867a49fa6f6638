//! Clients that prove themselves by a certificate (RFC 8705).

use keyway_domain::SecretString;
use keyway_providers::{ProviderError, completion::Granted, http::HttpClient};
use keyway_testkit::lab::Lab;
use serde_json::json;

use crate::world::World;

const NAME: &str = "client.keyway.example";

async fn world() -> World {
    let proof = "client_authentication = \"tls_client_auth\"";
    World::new(json!({}), json!({"dns_name": NAME}), proof).await
}

/// A secret: a certificate of this name and its key.
fn secret(lab: &Lab, name: &str) -> SecretString {
    let (certificate, key, _) = lab.certify(name);
    SecretString::new(format!("{certificate}{key}"))
}

async fn connect(
    world: &World,
    http: &HttpClient,
    secret: &SecretString,
) -> Result<Granted, ProviderError> {
    world.connect((http, http), secret).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_wherever_the_client_proves_itself() {
    let world = world().await;
    let http = world.lab.http_client();
    let secret = secret(&world.lab, NAME);
    let granted = connect(&world, &http, &secret).await.expect("granted");
    assert_eq!(granted.external.id, "carol");
    let refreshed = world.refresh(&http, &secret, &granted).await;
    let refreshed = refreshed.expect("refreshed");
    assert_eq!(world.revoke(&http, &secret, &refreshed).await, Ok(true));
}

/// On one HTTP client, and so past connections that another's certificate was shown on.
#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_is_another_client() {
    let world = world().await;
    let http = world.lab.http_client();
    let own = secret(&world.lab, NAME);
    connect(&world, &http, &own).await.expect("granted");
    // Another name is another client; another authority's word counts for nothing: the server breaks
    // off, or says so.
    let other = secret(&world.lab, "other.keyway.example");
    let refused = connect(&world, &http, &other).await.expect_err("refused");
    assert!(refused.to_string().contains("invalid_client"), "{refused}");
    let foreign = secret(&Lab::start().await, NAME);
    connect(&world, &http, &foreign).await.expect_err("refused");
    connect(&world, &http, &own).await.expect("granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_reaches_nobody() {
    let world = world().await;
    let http = world.lab.http_client();
    let (certificate, key, _) = world.lab.certify(NAME);
    let (_, other_key, _) = world.lab.certify(NAME);
    for secret in [
        "client-secret".to_owned(),
        certificate.clone(),
        key,
        format!("{certificate}{other_key}"),
    ] {
        let refused = connect(&world, &http, &secret.into()).await;
        let why = "the app's secret is no certificate with its key, in PEM";
        assert_eq!(
            refused.expect_err("refused"),
            ProviderError::Unusable(why.into())
        );
    }
    assert!(world.server.seen_at("/request").await.is_empty());
}
