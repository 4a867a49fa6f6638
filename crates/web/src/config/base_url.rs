//! The origins that browsers come to.

use url::{Host, Url};

/// An origin that browsers come to: `https://…`, or `http://` on loopback; no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    is_https: bool,
}

impl BaseUrl {
    /// Reads an origin.
    ///
    /// # Errors
    /// The sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "a URL, such as https://keyway.example.com")?;
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_https = url.scheme() == "https";
        if !(is_https || (loopback && url.scheme() == "http")) {
            return Err("https, or http on loopback: tokens travel here");
        }
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            return Err("scheme, host and port only");
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            is_https,
        })
    }

    /// The origin, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether cookies can be `Secure` and carry the `__Host-` prefix.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The URL of a path on this origin.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}
