#![doc = include_str!("../README.md")]

mod accounts;
mod admins;
mod api_tokens;
mod audit_events;
mod authorization_codes;
mod authorization_sessions;
mod clock;
mod column;
mod completions;
mod console_sessions;
mod credential_upsert;
mod credentials;
mod error;
mod events;
mod flow_log;
mod idempotency_keys;
mod link_sessions;
mod migrate;
mod oauth_apps;
mod overview;
mod pool;
mod redirect_uris;
mod schema;
mod setup_links;
mod start_links;
mod statement;
mod sweep;
mod vault_keys;

pub use accounts::NewAccount;
pub use admins::{AdminCredentials, NewAdmin};
pub use api_tokens::{FoundApiToken, NewApiToken};
pub use authorization_sessions::LinkTarget;
pub use clock::DatabaseClock;
pub use completions::{CompletionRefusal, NewCompletion, Unwanted};
pub use credentials::CredentialFilter;
pub use error::{Conflict, StoreError};
pub use events::Event;
pub use flow_log::{Flow, FlowOutcome};
pub use idempotency_keys::{Begun, NewIdempotencyKey};
pub use link_sessions::{
    LinkSession, LinkSessionApp, LinkSessionStatus, LinkedCredential, NewLinkSession,
};
pub use migrate::{Migrated, create_database, migrate};
pub use oauth_apps::{NewOauthApp, OauthApp, OauthAppChange, Removal};
pub use overview::Overview;
pub use pool::{Store, StoreOptions};
pub use redirect_uris::RegisteredUri;
pub use setup_links::FirstAdmin;
pub use start_links::{NewStartLink, StartLink};
pub use sweep::{Erased, Unredeemed};
pub use vault_keys::KeyFingerprint;
