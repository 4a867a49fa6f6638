//! The vendors, one file each, written from the vendor's documentation.

mod airtable;
mod github;
mod google;
mod hubspot;
mod linear;
pub(super) mod neutral;
mod quickbooks;
mod salesforce;
mod shopify;
mod slack;
mod snyk;
mod stripe;

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value;

use super::{desk::Account, vendor::Vendor};

/// Every vendor with a definition in the catalogue.
pub(super) fn all() -> Vec<Arc<dyn Vendor>> {
    vec![
        Arc::new(airtable::Airtable),
        Arc::new(github::GitHub),
        Arc::new(google::Google),
        Arc::new(hubspot::HubSpot),
        Arc::new(linear::Linear),
        Arc::new(quickbooks::QuickBooks),
        Arc::new(salesforce::Salesforce),
        Arc::new(shopify::Shopify),
        Arc::new(slack::Slack),
        Arc::new(snyk::Snyk),
        Arc::new(stripe::Stripe),
    ]
}

fn account(id: &str, name: &str, email: &str) -> Account {
    Account {
        id: id.into(),
        name: name.into(),
        email: email.into(),
    }
}

/// A JWT in form; nobody can check its signature, nor does anybody who got it over TLS.
fn jwt(claims: &Value) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let header = part(r#"{"alg":"RS256","typ":"JWT","kid":"lab"}"#);
    let signature = part(&super::desk::random());
    format!("{header}.{}.{signature}", part(&claims.to_string()))
}
