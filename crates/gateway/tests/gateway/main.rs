//! The gateway's router, driven over HTTP on a real Postgres, with the provider lab behind it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod support;

mod callback;
mod canaries;
mod flow;
mod health;
mod link_session_ends;
mod link_session_pages;
mod link_sessions;
mod providers;
mod reconnect;
mod start;
mod start_link;
mod sweep;
mod tampering;
mod token;
mod variables;
