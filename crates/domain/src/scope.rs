//! Scopes (RFC 6749 section 3.3).

use serde::{Deserialize, Serialize};

/// An ordered list of scopes without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(Vec<String>);

/// A scope has a character that RFC 6749 section 3.3 does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope may hold only visible ASCII characters except \" and \\")]
pub struct InvalidScope;

/// Where the scopes of a flow came from, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeSource {
    /// The `scope` parameter of the request.
    Request,
    /// The OAuth app's setting.
    App,
    /// The default of the provider's definition.
    Catalogue,
}

impl ScopeSource {
    /// The value as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::App => "app",
            Self::Catalogue => "catalogue",
        }
    }
}

impl Scopes {
    /// Reads a space-separated list (RFC 6749 3.3).
    ///
    /// # Errors
    /// [`InvalidScope`] if a scope has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::from_list(text.split(' '))
    }

    /// Takes scopes one by one; empty ones and repetitions are dropped.
    ///
    /// # Errors
    /// [`InvalidScope`] if a scope has a character outside the grammar.
    pub fn from_list<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidScope> {
        let mut scopes: Vec<String> = Vec::new();
        for scope in list.into_iter().filter(|scope| !scope.is_empty()) {
            if !scope.bytes().all(is_scope_byte) {
                return Err(InvalidScope);
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Ok(Self(scopes))
    }

    /// Adds the scopes of `more` that are not there yet.
    #[must_use]
    pub fn and(mut self, more: &Scopes) -> Self {
        for scope in &more.0 {
            if !self.0.contains(scope) {
                self.0.push(scope.clone());
            }
        }
        self
    }

    /// The scopes, joined in the way that a provider wants.
    pub fn join(&self, separator: &str) -> String {
        self.0.join(separator)
    }

    /// The scopes in order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.join(" "))
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = InvalidScope;
    fn try_from(list: Vec<String>) -> Result<Self, Self::Error> {
        Self::from_list(list.iter().map(String::as_str))
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_drops_repetitions() {
        let scopes = Scopes::parse("read write  read").expect("valid");
        assert_eq!(scopes.as_slice(), ["read", "write"]);
        assert_eq!(scopes.join(","), "read,write");
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        for bad in ["a\"b", "a\\b", "a\nb", "caf\u{e9}", "a\tb", "a\0"] {
            assert_eq!(Scopes::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }
}
