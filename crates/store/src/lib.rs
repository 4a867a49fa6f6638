#![doc = include_str!("../README.md")]

mod accounts;
mod admins;
mod api_tokens;
mod audit_events;
mod authorization_codes;
mod authorization_sessions;
mod client_secrets;
mod clock;
mod column;
mod completions;
mod console_sessions;
mod credential_read;
mod credential_search;
mod credential_upsert;
mod credentials;
mod error;
mod events;
mod flow_log;
mod idempotency_keys;
mod jobs;
mod link_sessions;
mod listen;
mod migrate;
mod oauth_apps;
mod overview;
mod pool;
mod redirect_uris;
mod refresh;
mod refresh_lease;
mod removals;
mod retention;
mod revocations;
mod schema;
mod setup_links;
mod start_links;
mod statement;
mod sweep;
mod vault_keys;
mod webhook_claims;
mod webhook_deliveries;
mod webhook_endpoints;

pub use accounts::NewAccount;
pub use admins::{AdminCredentials, NewAdmin};
pub use api_tokens::{FoundApiToken, IssuedApiToken, NewApiToken};
pub use authorization_sessions::LinkTarget;
pub use client_secrets::SealedClientSecret;
pub use clock::DatabaseClock;
pub use completions::{CompletionRefusal, NewCompletion, Unwanted};
pub use credential_read::{CredentialRead, StoredCredential};
pub use credential_search::{CredentialSearch, FoundCredentials};
pub use credentials::CredentialFilter;
pub use error::{Conflict, StoreError};
pub use events::{Event, EventPayload};
pub use flow_log::{Flow, FlowOutcome};
pub use idempotency_keys::{Begun, NewIdempotencyKey};
pub use jobs::{Asked, Job, JobState, NewJob, TakenJob};
pub use link_sessions::{
    LinkSession, LinkSessionApp, LinkSessionStatus, LinkedCredential, NewLinkSession,
};
pub use listen::Channel;
pub use migrate::{Migrated, create_database, migrate};
pub use oauth_apps::{NewOauthApp, OauthApp, OauthAppChange};
pub use overview::Overview;
pub use pool::{Store, StoreOptions};
pub use redirect_uris::RegisteredUri;
pub use refresh::{FailedRefresh, NewTokens};
pub use refresh_lease::{LEASE, LeasedRefresh};
pub use removals::{Deletion, Removal};
pub use retention::Outlived;
pub use revocations::{ClaimedRevocation, FinishedRevocation, RevocationTarget};
pub use setup_links::FirstAdmin;
pub use start_links::{NewStartLink, StartLink};
pub use sweep::Erased;
pub use vault_keys::KeyFingerprint;
pub use webhook_claims::{ClaimedDelivery, DeliveryOutcome, WEBHOOK_LEASE};
pub use webhook_deliveries::{DeliveryState, Retried, Unfinished, WebhookDelivery};
pub use webhook_endpoints::{
    Disabled, DisabledReason, EndpointChange, NewWebhookEndpoint, WebhookEndpoint,
    WebhookEndpointChange, WebhookRotation,
};
