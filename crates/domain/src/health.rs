//! Whether a credential works.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// The last refresh, or the authorization itself, succeeded.
    Ok,
    /// The provider failed for now; Keyway tries again by itself.
    Warn,
    /// It is dead: the end user must reconnect.
    Error,
}

impl HealthStatus {
    /// The word as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Warn, Self::Error]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A credential's health, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// How it is.
    pub status: HealthStatus,
    /// Why, in sentences without any secret; empty while all is well.
    pub notes: Vec<String>,
    /// Since when.
    pub time: DateTime<Utc>,
}

impl Health {
    /// All is well.
    pub fn ok(time: DateTime<Utc>) -> Self {
        Self {
            status: HealthStatus::Ok,
            notes: Vec::new(),
            time,
        }
    }
}
