#![doc = include_str!("../README.md")]

mod accounts;
mod admins;
mod api_tokens;
mod audit_events;
mod authorization_codes;
mod authorization_sessions;
mod choices;
mod client_secrets;
mod clock;
mod column;
mod completions;
mod console_sessions;
mod credential_change;
mod credential_read;
mod credential_search;
mod credential_upsert;
mod credentials;
mod error;
mod events;
mod export;
mod flow_log;
mod idempotency_keys;
mod import;
mod issued_secrets;
mod jobs;
mod link_sessions;
mod listen;
mod migrate;
mod oauth_app_search;
mod oauth_apps;
mod overview;
mod pool;
mod provider_definitions;
mod pushed_requests;
mod redirect_uris;
mod refresh;
mod refresh_lease;
mod refresh_retry;
mod refresh_tokens;
mod removals;
mod retention;
mod revocations;
mod schema;
mod seen_proofs;
mod setup_links;
mod signing_keys;
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
pub use authorization_codes::{NewFamily, OauthRedeemed, OauthRedemption};
pub use authorization_sessions::LinkTarget;
pub use choices::WaitingChoice;
pub use client_secrets::SealedClientSecret;
pub use clock::DatabaseClock;
pub use completions::{CompletionRefusal, NewCompletion, Unwanted};
pub use credential_change::CredentialChange;
pub use credential_read::{CredentialRead, StoredCredential};
pub use credential_search::{CredentialSearch, FoundCredentials};
pub use credentials::CredentialFilter;
pub use error::{Conflict, StoreError};
pub use events::{Event, EventPayload};
pub use export::Exported;
pub use flow_log::{Flow, FlowOutcome};
pub use idempotency_keys::{Begun, NewIdempotencyKey};
pub use import::{Import, ImportedCredential};
pub use issued_secrets::IssuedSecret;
pub use jobs::{Asked, Job, JobState, NewJob, TakenJob};
pub use link_sessions::{
    LinkSession, LinkSessionApp, LinkSessionStatus, LinkedCredential, NewLinkSession,
};
pub use listen::Channel;
pub use migrate::{Migrated, create_database, migrate};
pub use oauth_app_search::OauthAppFilter;
pub use oauth_apps::{NewOauthApp, OauthApp, OauthAppChange};
pub use overview::Overview;
pub use pool::{Store, StoreOptions};
pub use provider_definitions::{
    DefinitionDeletion, NewDefinition, NewestDefinition, SavedDefinition,
};
pub use pushed_requests::{NewPushedRequest, PushedRequest};
pub use redirect_uris::RegisteredUri;
pub use refresh::{FailedRefresh, NewTokens};
pub use refresh_lease::{LEASE, LeasedRefresh};
pub use refresh_tokens::{FamilyEnd, FoundRefreshToken, NewRefreshToken};
pub use removals::{Deletion, Removal};
pub use retention::Outlived;
pub use revocations::{ClaimedRevocation, FinishedRevocation, RevocationTarget};
pub use setup_links::FirstAdmin;
pub use signing_keys::StoredSigningKey;
pub use start_links::{NewStartLink, StartLink};
pub use sweep::Erased;
pub use vault_keys::KeyFingerprint;
pub use webhook_claims::{ClaimedDelivery, DeliveryOutcome, WEBHOOK_LEASE};
pub use webhook_deliveries::{DeliveryState, Retried, Unfinished, WebhookDelivery};
pub use webhook_endpoints::{
    Disabled, DisabledReason, EndpointChange, NewWebhookEndpoint, WebhookEndpoint,
    WebhookEndpointChange, WebhookRotation,
};
