//! The audit log: who did what, when.

use serde_json::Value;
use uuid::Uuid;

use crate::ids::{AccountId, AdminId, ApiTokenId, OauthAppId};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Somebody with the operator's command.
    Operator,
    /// An admin in the console.
    Admin(AdminId),
    /// A client backend, by its OAuth app.
    Client(OauthAppId),
    /// A holder of an API token.
    ApiToken(ApiTokenId),
    /// Keyway itself.
    System,
}

impl Actor {
    /// The kind as it is stored.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Admin(_) => "admin",
            Self::Client(_) => "client",
            Self::ApiToken(_) => "api_token",
            Self::System => "system",
        }
    }

    /// The id, where the kind has one.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::Admin(id) => Some(id.uuid()),
            Self::Client(id) => Some(id.uuid()),
            Self::ApiToken(id) => Some(id.uuid()),
            Self::Operator | Self::System => None,
        }
    }
}

/// An entry to write. `action` is `noun.verb`, as in `oauth_app.created`.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// The tenant that it concerns; none for events of the installation.
    pub account_id: Option<AccountId>,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: &'static str,
    /// What it was done to.
    pub subject: Option<Uuid>,
    /// More, without any secret.
    pub detail: Value,
}
