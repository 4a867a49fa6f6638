//! The gateway's router, driven over HTTP on a real Postgres, with the provider lab behind it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod client;
mod support;

mod callback;
mod canaries;
mod catalogue;
mod credentials;
mod document;
mod flow;
mod health;
mod oauth_apps;
mod providers;
mod proxy;
mod redirect_uris;
mod revoke;
mod start;
mod start_link;
mod sweep;
mod tampering;
mod token;
mod upstream;
mod variables;
