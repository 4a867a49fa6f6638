//! Which hosts a URL with a variable in its host may reach.

use serde::Deserialize;
use url::{Host, Url};

/// A host, or `*.` and a domain for any name below it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPattern {
    suffix: String,
    below: bool,
}

/// Not a host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host pattern: write example.com, or *.example.com for any name below it")]
pub struct InvalidHostPattern(String);

impl HostPattern {
    /// Whether `host` (in lower case, as a parsed URL has it) is one of these.
    pub fn matches(&self, host: &str) -> bool {
        if self.below {
            host.strip_suffix(&self.suffix)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|name| !name.is_empty())
        } else {
            host == self.suffix
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHostPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (suffix, below) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text.as_str(), false),
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        let good = suffix.contains('.') && !suffix.starts_with('.') && suffix.bytes().all(plain);
        if !good {
            return Err(InvalidHostPattern(text));
        }
        Ok(Self {
            suffix: suffix.to_owned(),
            below,
        })
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
        assert!(pattern.matches("acme.myshopify.com"));
        for bad in [
            "myshopify.com",
            ".myshopify.com",
            "evilmyshopify.com",
            "acme.myshopify.com.evil.example",
        ] {
            assert!(!pattern.matches(bad), "{bad}");
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
}
