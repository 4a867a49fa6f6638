//! Each shipped definition against the lab, which behaves as the vendor's documentation says.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests; what fails here fails the test"
)]

mod support;

mod airtable;
mod faults;
mod github;
mod google;
mod hubspot;
mod import;
mod lab;
mod linear;
mod quickbooks;
mod salesforce;
mod shopify;
mod slack;
mod snyk;
mod stripe;
