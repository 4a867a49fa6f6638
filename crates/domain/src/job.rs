//! What an admin asks a gateway to do, since the console opens no secret and calls no provider.

/// Kinds of job; each is about one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Get new tokens from the provider, due or not.
    Refresh,
    /// Have the provider end the grant; the credential stays.
    Revoke,
    /// Have the provider end the grant, and forget the credential.
    Delete,
}

impl JobKind {
    /// The word as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Revoke => "revoke",
            Self::Delete => "delete",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Refresh, Self::Revoke, Self::Delete]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// The action in the audit log when an admin asks for it.
    pub fn asked_action(self) -> &'static str {
        match self {
            Self::Refresh => "credential.refresh_asked",
            Self::Revoke => "credential.revoke_asked",
            Self::Delete => "credential.delete_asked",
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    /// As it was asked.
    Done,
    /// Not as it was asked; the detail says why.
    Failed,
}

impl JobOutcome {
    /// The word as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}
