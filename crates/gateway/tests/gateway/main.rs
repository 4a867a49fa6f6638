//! The gateway's router, driven over HTTP on a real Postgres, with the provider lab behind it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod backend;
mod client;
mod operations;
mod own_providers;
mod receiver;
mod support;
mod upstream;

mod api_tokens;
mod callback;
mod canaries;
mod catalogue;
mod choice;
mod credential_refresh;
mod credential_token;
mod credentials;
mod dead_grants;
mod discovered;
mod document;
mod entry;
mod flow;
mod health;
mod jobs;
mod link_session_ends;
mod link_session_pages;
mod link_sessions;
mod masking;
mod modern;
mod oauth;
mod oauth_apps;
mod providers;
mod proxy;
mod proxy_refresh;
mod pushed;
mod reconnect;
mod redirect_uris;
mod refresher;
mod report_unauthorized;
mod reseal;
mod revoke;
mod self_hosted;
mod start;
mod start_link;
mod sweep;
mod tampering;
mod token;
mod variables;
mod webhook_api;
mod webhooks;
