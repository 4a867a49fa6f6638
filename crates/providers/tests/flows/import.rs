//! What a flow yields can be imported again: nobody is locked in.

use std::collections::BTreeMap;

use keyway_providers::{Catalogue, Provider, completion::Granted, import::Imported};
use serde_json::{Value, json};

use crate::support::{Client, now};

/// A client of a provider, with the variables that it cannot do without.
async fn client(slug: &str) -> Client {
    let client = Client::of(slug).await;
    match slug {
        "shopify" => client.variable("shop", "Acme"),
        "stripe" => client.secret("sk_test_of_the_platform"),
        _ => client,
    }
}

fn import(client: &Client, properties: &Value) -> Imported {
    let properties = properties.as_object().expect("an object");
    let imported = client.provider.import(&BTreeMap::new(), properties, now());
    imported.unwrap_or_else(|faults| panic!("{}: {faults:?}", client.provider.slug))
}

#[track_caller]
fn assert_same(client: &Client, granted: &Granted, imported: &Imported) {
    let slug = &client.provider.slug;
    assert_eq!(imported.external.id, granted.external.id, "{slug}");
    assert_eq!(
        client.revealed(granted),
        Value::Object(
            imported
                .properties
                .reveal(&client.provider.definition.credential.kind)
        ),
        "{slug}"
    );
    let token = |token: Option<&keyway_domain::secret::SecretString>| {
        token.map(|token| token.expose().clone())
    };
    let secrets = &imported.secrets;
    assert_eq!(secrets.external_id, granted.external.id, "{slug}");
    assert_eq!(
        secrets.access_token,
        token(Some(&granted.tokens.access_token)),
        "{slug}"
    );
    assert_eq!(
        secrets.refresh_token,
        token(granted.tokens.refresh_token.as_ref()),
        "{slug}"
    );
    assert_eq!(
        &secrets.properties,
        granted.properties.secret.expose(),
        "{slug}"
    );
    assert_eq!(imported.variables, client.variables, "{slug}");
    assert_eq!(imported.scopes, granted.tokens.scope, "{slug}");
}

/// The providers whose vendors the lab plays by hand, in all their ways.
fn spoken(catalogue: &Catalogue) -> impl Iterator<Item = &Provider> {
    const VENDORS: [&str; 11] = [
        "airtable",
        "github",
        "google",
        "hubspot",
        "linear",
        "quickbooks",
        "salesforce",
        "shopify",
        "slack",
        "snyk",
        "stripe",
    ];
    let known = catalogue.iter();
    known.filter(|provider| VENDORS.contains(&provider.slug.as_str()))
}

#[tokio::test]
async fn what_a_flow_yields_imports_back() {
    let catalogue = Catalogue::shipped().expect("catalogue");
    for provider in spoken(&catalogue) {
        let client = client(provider.slug.as_str()).await;
        let granted = client.connect().await.expect("a grant");
        let imported = import(&client, &client.revealed(&granted));
        assert_same(&client, &granted, &imported);
        // Salesforce never tells when a token ends, so a token from elsewhere is due at once.
        let ends = if provider.slug.as_str() == "salesforce" {
            Some(now())
        } else {
            granted.tokens.expires_at
        };
        assert_eq!(imported.expires_at, ends, "{}", provider.slug);
    }
}

#[tokio::test]
async fn variables_come_back_whatever_was_chosen() {
    for client in [
        Client::of("snyk").await.variable("region", "eu-01"),
        Client::of("quickbooks")
            .await
            .variable("environment", "sandbox"),
        Client::of("salesforce")
            .await
            .variable("login_host", "test.salesforce.com"),
    ] {
        let granted = client.connect().await.expect("a grant");
        let imported = import(&client, &client.revealed(&granted));
        assert_same(&client, &granted, &imported);
    }
}

#[tokio::test]
async fn the_label_comes_back_where_a_property_holds_it() {
    for (slug, label) in [
        ("linear", "Arrakis Inc."),
        ("stripe", "Acme"),
        ("slack", "Slack Softball Team"),
        ("shopify", "acme.myshopify.com"),
    ] {
        let client = client(slug).await;
        let imported = import(&client, &client.connected().await);
        assert_eq!(imported.external.label.as_deref(), Some(label), "{slug}");
    }
}

#[tokio::test]
async fn an_enterprise_installation_comes_back_as_the_enterprise() {
    let client = Client::of("slack").await;
    client.lab.turn_on("slack", "enterprise_install");
    let granted = client.connect().await.expect("a grant");
    let imported = import(&client, &client.revealed(&granted));
    assert_same(&client, &granted, &imported);
}

/// The documented form of most kinds: the secret that lasts, and no access token.
#[tokio::test]
async fn a_refresh_token_alone_is_due_at_once() {
    let catalogue = Catalogue::shipped().expect("catalogue");
    for provider in spoken(&catalogue) {
        let client = client(provider.slug.as_str()).await;
        if provider.slug.as_str() == "slack" {
            client.lab.turn_on("slack", "token_rotation");
        }
        let mut properties = client.connected().await;
        let members = properties.as_object_mut().expect("an object");
        let mut removed = ["access_token", "secret", "expires_at"].map(|name| members.remove(name));
        let imported = client.provider.import(&BTreeMap::new(), members, now());
        if provider.definition.refresh.is_none() {
            let faults = imported.expect_err("nothing to refresh with");
            assert_eq!(faults.len(), 1, "{}: {faults:?}", provider.slug);
            continue;
        }
        let imported = imported.expect("imported");
        let slug = &provider.slug;
        assert_eq!(imported.expires_at, Some(now()), "{slug}");
        assert_eq!(imported.secrets.access_token, None, "{slug}");
        assert!(imported.secrets.refresh_token.is_some(), "{slug}");
        if removed
            .iter_mut()
            .any(|value| value.take() == Some(json!("2026-11-21T13:00:00Z")))
        {
            assert_eq!(
                imported.properties.public["expires_at"],
                json!("2026-11-21T12:00:00Z"),
                "{slug}"
            );
        }
    }
}
