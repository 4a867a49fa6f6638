//! Which hosts a URL with a variable in its host may reach.

use serde::Deserialize;
use url::{Host, Url};

/// A host, `*.` and a domain for any name below it, or a `{variable}` that the admin sets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HostPattern {
    /// This host.
    Exactly(String),
    /// Any name below this domain.
    Below(String),
    /// The host that this variable holds.
    Variable(String),
}

/// Not a host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host pattern: write example.com, *.example.com for any name below it, or a {{variable}} that the admin sets"
)]
pub struct InvalidHostPattern(String);

impl HostPattern {
    /// Whether `host` (in lower case, as a parsed URL has it) is one of these.
    pub fn matches(&self, host: &str, value: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Exactly(known) => host == known,
            Self::Below(domain) => host
                .strip_suffix(domain.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|name| !name.is_empty()),
            Self::Variable(name) => {
                value(name).is_some_and(|known| known.eq_ignore_ascii_case(host))
            }
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHostPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let variable = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = variable {
            return Ok(Self::Variable(name.to_owned()));
        }
        let (suffix, below) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text.as_str(), false),
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        let good = suffix.contains('.') && !suffix.starts_with('.') && suffix.bytes().all(plain);
        match (good, below) {
            (false, _) => Err(InvalidHostPattern(text)),
            (true, true) => Ok(Self::Below(suffix.to_owned())),
            (true, false) => Ok(Self::Exactly(suffix.to_owned())),
        }
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_below_is_below_and_nothing_else() {
        let pattern = HostPattern::try_from("*.myshopify.com".to_owned()).expect("good");
        assert!(pattern.matches("acme.myshopify.com", |_| None));
        for bad in [
            "myshopify.com",
            ".myshopify.com",
            "evilmyshopify.com",
            "acme.myshopify.com.evil.example",
        ] {
            assert!(!pattern.matches(bad, |_| None), "{bad}");
        }
        for bad in [
            "*",
            "*.com",
            "com",
            "*.*.com",
            "EXAMPLE.com",
            "a b.com",
            ".example.com",
        ] {
            assert!(HostPattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variable_is_the_host_that_it_holds() {
        let pattern = HostPattern::try_from("{domain}".to_owned()).expect("good");
        let value = |name: &str| (name == "domain").then(|| "git.example.com".to_owned());
        assert!(pattern.matches("git.example.com", value));
        assert!(!pattern.matches("evil.example", value));
        assert!(!pattern.matches("git.example.com", |_| None));
    }
}
