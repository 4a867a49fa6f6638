//! The operator's command and the gateway as an operator meets them: real programs, on a real Postgres.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod support;

mod admins;
mod api_tokens;
mod config;
mod credentials;
mod discover;
mod gateway;
mod keys;
mod migrate;
mod oauth_apps;
mod providers;
mod redirect_uris;
mod shell;
mod starting;
mod stopping;
mod tls;
mod transfer;
