//! Shopify.

use chrono::TimeDelta;
use keyway_providers::{ProviderError, completion::Stage};
use keyway_testkit::lab::{Endpoint, ErrorPage};
use serde_json::json;

use crate::{
    faults::{self, refused, token_faults},
    support::{Client, now, parse},
};

async fn client() -> Client {
    Client::of("shopify").await.variable("shop", "acme")
}

/// A callback that the lab signed.
async fn callback(client: &Client) -> String {
    let callback = client.lab.approve(&client.start().url).await;
    callback.expect("a callback").encoded()
}

fn untrusted(why: &str) -> Result<(), ProviderError> {
    Err(ProviderError::Untrusted(why.into()))
}

#[tokio::test]
async fn yields_exactly_the_documented_properties() {
    let client = client().await.scopes("write_orders read_customers");
    assert_eq!(
        client.connected().await,
        json!({
            "kind": "shopify_oauth2",
            "shop": "acme.myshopify.com",
            "access_token": client.access_token(),
            "scope": "write_orders read_customers",
            "refresh_token": client.refresh_token(),
            "expires_at": "2026-11-21T13:00:00Z",
        })
    );
}

#[tokio::test]
async fn names_the_shop() {
    let external = client().await.connect().await.expect("a grant").external;
    assert_eq!(
        (external.id.as_str(), external.label.as_deref()),
        ("acme.myshopify.com", Some("acme.myshopify.com"))
    );
}

#[tokio::test]
async fn leads_to_shops_alone() {
    let client = client().await;
    for shop in [
        "evil.example",
        "acme.myshopify.com.evil.example",
        "evil.example/acme.myshopify.com",
        "acme@evil.example",
        "a.b.myshopify.com",
        "-acme.myshopify.com",
        "",
    ] {
        let checked = client.provider.definition.check_variables([("shop", shop)]);
        assert!(checked.is_err(), "{shop:?} became {checked:?}");
    }
}

#[tokio::test]
async fn a_signed_callback_is_trusted() {
    let client = client().await;
    let signed = callback(&client).await;
    assert_eq!(client.verify(&parse(&signed)), Ok(()));
}

#[tokio::test]
async fn an_edited_callback_is_not_trusted() {
    let client = client().await;
    let edited = callback(&client).await.replace("code=", "code=x");
    assert_eq!(
        client.verify(&parse(&edited)),
        untrusted("hmac does not match")
    );
}

#[tokio::test]
async fn an_unsigned_callback_is_not_trusted() {
    let client = client().await;
    let signed = callback(&client).await;
    let (unsigned, _) = signed.split_once("&hmac=").expect("a signature");
    assert_eq!(
        client.verify(&parse(unsigned)),
        untrusted("hmac does not match")
    );
}

#[tokio::test]
async fn an_old_callback_is_not_trusted() {
    let client = client().await;
    let signed = parse(&callback(&client).await);
    let later = now() + TimeDelta::seconds(91);
    let verified =
        client
            .provider
            .verify_callback(&signed, &client.client_secret(), &client.variables, later);
    assert_eq!(
        verified,
        untrusted("the signed timestamp is more than 90 seconds off")
    );
}

#[tokio::test]
async fn another_shops_callback_is_not_trusted() {
    let client = client().await.variable("shop", "other");
    let signed = callback(&client).await;
    let client = client.variable("shop", "acme");
    assert_eq!(
        client.verify(&parse(&signed)),
        untrusted("the callback is for another shop")
    );
}

#[tokio::test]
async fn has_no_way_to_revoke() {
    let client = client().await;
    let granted = client.connect().await.expect("a grant");
    assert_eq!(client.revoke(&granted).await, Ok(false));
}

#[tokio::test]
async fn after_a_refused_consent_the_merchant_stays_at_the_shop() {
    let stayed = client().await.denied().await;
    assert!(
        matches!(stayed, Err(ErrorPage { status: 200, .. })),
        "{stayed:?}"
    );
}

token_faults! {
    client(),
    token_down: faults::status(
        500,
        "<!doctype html><html><body><h1>Something went wrong on our side</h1></body></html>",
    ),
    token_refusal: refused(
        200,
        "invalid_request",
        Some("The authorization code was not found or was already used"),
    ),
}
