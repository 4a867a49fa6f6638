//! Looking for providers among hundreds.

use std::str::FromStr;

use crate::{
    Provider,
    definition::{Auth, Certainty},
};

/// What is looked for; what is empty or none holds for all.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// In name, slug or category, whatever its case.
    pub text: String,
    /// The category.
    pub category: Option<String>,
    /// The way in which accounts are connected.
    pub auth: Option<Auth>,
    /// How sure the definition is.
    pub certainty: Option<Certainty>,
}

impl Search {
    /// Whether this provider is looked for.
    pub fn matches(&self, provider: &Provider) -> bool {
        let definition = &provider.definition;
        let text = self.text.trim().to_lowercase();
        let spaced = definition.category.replace('-', " ");
        let texts = [
            definition.name.as_str(),
            provider.slug.as_str(),
            definition.category.as_str(),
            spaced.as_str(),
        ];
        texts
            .iter()
            .any(|known| known.to_lowercase().contains(&text))
            && self
                .category
                .as_ref()
                .is_none_or(|category| *category == definition.category)
            && self.auth.is_none_or(|auth| auth == definition.auth)
            && self
                .certainty
                .is_none_or(|certainty| certainty == definition.certainty)
    }
}

/// A word that no definition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such word")]
pub struct UnknownWord;

impl FromStr for Auth {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.into_iter();
        all.find(|auth| auth.as_str() == text).ok_or(UnknownWord)
    }
}

impl FromStr for Certainty {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.as_str() == text).ok_or(UnknownWord)
    }
}

impl Auth {
    /// All ways, the most frequent first.
    pub const ALL: [Self; 6] = [
        Self::Oauth2,
        Self::ApiKey,
        Self::Basic,
        Self::ClientCredentials,
        Self::JwtBearer,
        Self::OAuth1,
    ];

    /// The way in words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Oauth2 => "OAuth 2",
            Self::ApiKey => "API key",
            Self::Basic => "Name and password",
            Self::ClientCredentials => "Client credentials",
            Self::JwtBearer => "Signed assertion",
            Self::OAuth1 => "OAuth 1.0a",
        }
    }
}

impl Certainty {
    /// All, the surest first.
    pub const ALL: [Self; 3] = [Self::Verified, Self::Reported, Self::Single];
}
