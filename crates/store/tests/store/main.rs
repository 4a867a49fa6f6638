//! Every method of the store on a real Postgres: each clause of each guard, and each race.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod support;
mod webhooks;

mod accounts;
mod admins;
mod api_tokens;
mod audit_events;
mod authorization_codes;
mod authorization_sessions;
mod choices;
mod console_sessions;
mod credential_change;
mod credential_read;
mod credential_search;
mod credentials;
mod errors;
mod flow_log;
mod import;
mod isolation;
mod jobs;
mod link_sessions;
mod listen;
mod migrations;
mod oauth;
mod oauth_app_search;
mod oauth_apps;
mod overview;
mod pool;
mod redirect_uris;
mod refresh;
mod refresh_lease;
mod removals;
mod retention;
mod revocations;
mod setup_links;
mod start_links;
mod sweep;
mod vault_keys;
mod webhook_deliveries;
mod webhook_endpoints;
