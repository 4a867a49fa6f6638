//! The console's routes, driven over HTTP on a real Postgres.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod browser;
mod flows;
mod seed;
mod support;
mod world;

mod api_tokens;
mod asking;
mod credentials;
mod csrf;
mod flow_log;
mod isolation;
mod oauth_apps;
mod overview;
mod pages;
mod providers;
mod redirect_uris;
mod secrets;
mod session;
mod setup;
mod sign_in;
mod startup;
mod webhooks;
