//! Providers, by name.

use serde::{Deserialize, Serialize};

/// The short name of a provider: what `:provider` stands for in URLs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderSlug(String);

/// Not a provider slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a provider slug is 1 to 64 lower-case letters, digits, '-' or '_', and starts with a letter or digit"
)]
pub struct InvalidSlug;

impl ProviderSlug {
    /// Reads a slug.
    ///
    /// # Errors
    /// [`InvalidSlug`] if it is not of the form.
    pub fn parse(text: &str) -> Result<Self, InvalidSlug> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let first = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let good = text.len() <= 64
            && text.as_bytes().first().is_some_and(first)
            && text.bytes().all(inner);
        good.then(|| Self(text.to_owned())).ok_or(InvalidSlug)
    }

    /// The slug itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ProviderSlug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProviderSlug {
    type Error = InvalidSlug;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for ProviderSlug {
    type Err = InvalidSlug;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<ProviderSlug> for String {
    fn from(slug: ProviderSlug) -> Self {
        slug.0
    }
}
