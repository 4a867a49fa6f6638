//! The URL that was given, and where its documents are.

use url::Url;

use super::DiscoveryError;
use crate::host;

const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// Longer URLs are not written into a definition.
const MAX_URL: usize = 1024;

/// An issuer or a resource.
pub(super) struct Place {
    given: String,
    url: Url,
}

impl Place {
    pub(super) fn parse(given: &str) -> Result<Self, DiscoveryError> {
        let url = parse(given).map_err(|reason| {
            let shown: String = given.chars().take(100).collect();
            DiscoveryError::Given(format!("{shown:?}: {reason}"))
        })?;
        if url.query().is_some() {
            return Err(DiscoveryError::Given(format!(
                "{given}: an issuer or a resource has no query"
            )));
        }
        Ok(Self {
            given: given.to_owned(),
            url,
        })
    }

    /// As it was given: names are compared byte for byte (RFC 8414 section 3.3).
    pub(super) fn given(&self) -> &str {
        &self.given
    }

    /// Whether it is on this machine, as only what is tried out is.
    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Where an issuer describes itself: OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.1.
    pub(super) fn server_documents(&self) -> [Url; 2] {
        let path = self.url.path().trim_end_matches('/');
        [
            self.at(&format!("{path}{OPENID}")),
            self.at(&format!("{SERVER}{path}")),
        ]
    }

    /// Where a resource describes itself: RFC 9728 section 3.1.
    pub(super) fn resource_document(&self) -> Url {
        let path = self.url.path();
        let path = if path == "/" { "" } else { path };
        self.at(&format!("{RESOURCE}{path}"))
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }
}

/// A URL that may stand in a definition. `http` is good for this machine alone.
///
/// A brace would be a template's: `{client_secret}` in a stranger's URL must not be filled in.
pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"{}\"\\<>^`|".contains(&byte);
    if text.len() > MAX_URL {
        return Err("is too long");
    }
    if !text.bytes().all(is_plain) {
        return Err("holds a character that no URL has");
    }
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    if !(url.scheme() == "https" || url.scheme() == "http" && host::is_loopback(&url)) {
        return Err("must be https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(given: &str) -> [String; 3] {
        let place = Place::parse(given).expect("a place");
        let [openid, server] = place.server_documents();
        [openid, server, place.resource_document()].map(String::from)
    }

    #[test]
    fn documents_are_where_the_standards_put_them() {
        assert_eq!(
            places("https://a.example"),
            [
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(places("https://a.example"), places("https://a.example/"));
        assert_eq!(
            places("https://a.example/one/two"),
            [
                "https://a.example/one/two/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server/one/two",
                "https://a.example/.well-known/oauth-protected-resource/one/two",
            ]
        );
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (given, reason) in [
            ("http://a.example", "must be https"),
            ("javascript:alert(1)", "must be https"),
            ("file:///etc/passwd", "must be https"),
            ("https://u@a.example", "user"),
            ("https://u:p@a.example", "user"),
            ("https://a.example/#x", "fragment"),
            ("https://a.example/?x=1", "query"),
            ("https://a.example/{client_secret}", "character"),
            ("https://a.example/\r\nx", "character"),
            ("https://b\u{fc}cher.example", "character"),
            ("a.example", "is no URL"),
            ("", "is no URL"),
        ] {
            let error = Place::parse(given).err().expect("refused").to_string();
            assert!(error.contains(reason), "{given}: {error}");
        }
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL));
        let error = Place::parse(&long).err().expect("refused").to_string();
        assert!(error.contains("too long") && error.len() < 200, "{error}");
        assert!(Place::parse("http://127.0.0.1:1").is_ok_and(|place| place.is_plain()));
    }
}
