//! What happens to credentials and OAuth apps: the API's events, the timelines, the webhooks.

use serde_json::Value;

use crate::ids::{AccountId, CredentialId, OauthAppId};

/// Kinds of event, as they are stored and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind(&'static str);

impl EventKind {
    /// A new external account was connected or imported.
    pub const CREDENTIAL_CREATED: Self = Self("credential.created");
    /// It was connected or imported again, or its name or metadata changed.
    pub const CREDENTIAL_UPDATED: Self = Self("credential.updated");
    /// Its tokens were refreshed. Off by default: there are many.
    pub const CREDENTIAL_REFRESHED: Self = Self("credential.refreshed");
    /// A refresh failed; `data.health` says whether for now or for good.
    pub const CREDENTIAL_REFRESH_FAILED: Self = Self("credential.refresh_failed");
    /// It works again.
    pub const CREDENTIAL_RECOVERED: Self = Self("credential.recovered");
    /// The provider has ended its grant, at our request.
    pub const CREDENTIAL_REVOKED: Self = Self("credential.revoked");
    /// It is gone; `data.revocation` says what the provider made of it.
    pub const CREDENTIAL_DELETED: Self = Self("credential.deleted");
    /// An OAuth app was registered.
    pub const OAUTH_APP_CREATED: Self = Self("oauth_app.created");
    /// An OAuth app was changed.
    pub const OAUTH_APP_UPDATED: Self = Self("oauth_app.updated");
    /// An OAuth app was removed.
    pub const OAUTH_APP_DELETED: Self = Self("oauth_app.deleted");

    /// Every kind, by name.
    pub const ALL: [&'static str; 10] = [
        "credential.created",
        "credential.updated",
        "credential.refreshed",
        "credential.refresh_failed",
        "credential.recovered",
        "credential.revoked",
        "credential.deleted",
        "oauth_app.created",
        "oauth_app.updated",
        "oauth_app.deleted",
    ];

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind == text).map(Self)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// An event to write, in the transaction of what it tells.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The tenant.
    pub account_id: AccountId,
    /// What happened.
    pub kind: EventKind,
    /// To which credential.
    pub credential_id: Option<CredentialId>,
    /// To, or under, which OAuth app.
    pub oauth_app_id: Option<OauthAppId>,
    /// More, without any secret.
    pub data: Value,
}
