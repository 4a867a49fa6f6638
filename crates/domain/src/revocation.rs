//! Ending a grant at its provider, and what came of it.

use serde::Serialize;

/// What the provider made of the end of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationOutcome {
    /// The provider ended the grant.
    Revoked,
    /// The provider has no way to end one.
    Unsupported,
    /// It was not asked: the same external account has a credential of the same app again, and at
    /// several providers a revocation would end that one too.
    Superseded,
    /// It was asked and did not do it.
    Failed,
}

impl RevocationOutcome {
    /// The word as it is sent and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Unsupported => "unsupported",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

/// An attempt to end a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revocation {
    /// What came of it.
    pub outcome: RevocationOutcome,
    /// Why, without any secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Why a grant has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its credential was deleted.
    Deleted,
    /// Its OAuth app was removed.
    AppRemoved,
    /// Nobody redeemed its code.
    Unredeemed,
    /// It is of another external account than the credential that it was to renew.
    NotTheSameAccount,
}

impl EndReason {
    /// The word as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::AppRemoved => "app_removed",
            Self::Unredeemed => "unredeemed",
            Self::NotTheSameAccount => "not_the_same_account",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Deleted,
            Self::AppRemoved,
            Self::Unredeemed,
            Self::NotTheSameAccount,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == text)
    }
}
