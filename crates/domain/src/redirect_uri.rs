//! Redirect URIs: what may be registered, and what matches.

use url::{Host, Url};

use crate::provider::ProviderSlug;

/// The placeholder that a registered redirect URI may hold.
pub const PLACEHOLDER: &str = ":provider";

/// Parameters that we append ourselves; a registered query must not hold them already.
const RESERVED: [&str; 5] = ["code", "state", "error", "error_description", "iss"];

/// A redirect URI as an admin registered it, perhaps with `:provider` in path or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUriTemplate(String);

/// A redirect URI that was proven: registered by the account, and expanded for the flow's provider.
///
/// To hold one is the licence to redirect (RFC 9700 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

/// Why a redirect URI cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URL at all.
    #[error("enter a complete URL, such as https://example.com/oauth2/callback/:provider")]
    NotAUrl,
    /// Longer than 2,000 characters.
    #[error("at most 2,000 characters")]
    TooLong,
    /// Whitespace, control or non-ASCII characters, backslash or another character that URLs escape.
    #[error(
        "only plain URL characters: write an international domain as xn--…, and escape spaces and the like as %20"
    )]
    Characters,
    /// Neither https nor http on loopback.
    #[error("use https (http only for 127.0.0.1, [::1] and localhost)")]
    Scheme,
    /// Has a user name or password.
    #[error("no user name or password in the URL")]
    Userinfo,
    /// Has a fragment (RFC 6749 section 3.1.2).
    #[error("no fragment (the part after #)")]
    Fragment,
    /// Has a wildcard.
    #[error("no wildcard: register each address")]
    Wildcard,
    /// `:provider` stands in the host or port.
    #[error(":provider may stand in the path or the query only")]
    Placeholder,
    /// A registered query already has a parameter that the answer uses.
    #[error("the query must not hold code, state, error, error_description or iss")]
    ReservedParameter,
    /// Not in normal form; the message holds the form to use.
    #[error("write it as {0}")]
    NotNormal(String),
}

impl RedirectUriTemplate {
    /// Checks what an admin wants to register.
    ///
    /// # Errors
    /// [`InvalidRedirectUri`], each with the sentence to show.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        use InvalidRedirectUri as No;
        if text.len() > 2000 {
            return Err(No::TooLong);
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b))
        {
            return Err(No::Characters);
        }
        if text.contains('#') {
            return Err(No::Fragment);
        }
        if text.contains('*') {
            return Err(No::Wildcard);
        }
        let (_, rest) = text.split_once("://").ok_or(No::NotAUrl)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(No::Userinfo);
        }
        if authority.contains(PLACEHOLDER) {
            return Err(No::Placeholder);
        }
        let url = Url::parse(text).map_err(|_| No::NotAUrl)?;
        if !(url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))) {
            return Err(No::Scheme);
        }
        if url
            .query_pairs()
            .any(|(name, _)| RESERVED.contains(&name.as_ref()))
        {
            return Err(No::ReservedParameter);
        }
        // A bare origin normalises to one with a slash; both are registered as they were written.
        if url.as_str() != text && url.as_str().strip_suffix('/') != Some(text) {
            return Err(No::NotNormal(url.into()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The template as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The redirect URI that this template stands for at `provider`.
    pub fn expand(&self, provider: &ProviderSlug) -> RedirectUri {
        RedirectUri(self.0.replace(PLACEHOLDER, provider.as_str()))
    }
}

impl RedirectUri {
    /// Proves what a request sent: byte for byte an expansion for this provider, or the template
    /// itself. No normalisation happens here, so nothing can be smuggled through one.
    pub fn prove<'a>(
        received: &str,
        provider: &ProviderSlug,
        registered: impl IntoIterator<Item = &'a RedirectUriTemplate>,
    ) -> Option<Self> {
        registered.into_iter().find_map(|template| {
            let expanded = template.expand(provider);
            (received == expanded.0 || received == template.0).then_some(expanded)
        })
    }

    /// Restores a redirect URI that was proven when it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The redirect URI itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The redirect URI with `parameters` appended to the query that it may already have
    /// (RFC 6749 section 4.1.2).
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let joint = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.0, query.finish())
    }
}

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

    fn slug(text: &str) -> ProviderSlug {
        ProviderSlug::parse(text).expect("slug")
    }

    #[test]
    fn registration_takes_what_the_contract_takes() {
        for good in [
            "https://example.com/oauth2/callback/:provider",
            "https://example.com/callback?from=:provider&x=1",
            "https://example.com",
            "https://example.com/",
            "https://example.com:8443/cb",
            "http://localhost:3000/cb",
            "http://127.0.0.1:3000/cb",
            "http://[::1]/cb",
            "https://xn--bcher-kva.example/cb",
        ] {
            assert!(RedirectUriTemplate::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn registration_refuses_the_rest_and_says_why() {
        use InvalidRedirectUri as No;
        let long = format!("https://example.com/{}", "a".repeat(2000));
        for (bad, why) in [
            ("example.com/cb", No::NotAUrl),
            ("/cb", No::NotAUrl),
            ("javascript:alert(1)", No::NotAUrl),
            (long.as_str(), No::TooLong),
            ("https://example.com/a b", No::Characters),
            ("https://example.com/a\nb", No::Characters),
            ("https://example.com\\@evil.example/", No::Characters),
            ("https://b\u{fc}cher.example/cb", No::Characters),
            ("http://example.com/cb", No::Scheme),
            ("http://localhost.evil.example/cb", No::Scheme),
            ("myapp://callback", No::Scheme),
            ("https://user@example.com/cb", No::Userinfo),
            ("https://user:pw@example.com/cb", No::Userinfo),
            ("https://example.com/cb#x", No::Fragment),
            ("https://*.example.com/cb", No::Wildcard),
            ("https://:provider.example.com/cb", No::Placeholder),
            ("https://example.com/cb?code=1", No::ReservedParameter),
            ("https://example.com/cb?a=1&state=", No::ReservedParameter),
        ] {
            assert_eq!(RedirectUriTemplate::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn registration_asks_for_the_normal_form() {
        for (bad, normal) in [
            ("https://EXAMPLE.com/cb", "https://example.com/cb"),
            ("HTTPS://example.com/cb", "https://example.com/cb"),
            ("https://example.com:443/cb", "https://example.com/cb"),
            ("https://example.com/a/../cb", "https://example.com/cb"),
            ("https://example.com/./cb", "https://example.com/cb"),
            ("https://example.com/%2e%2e/cb", "https://example.com/cb"),
        ] {
            let why = RedirectUriTemplate::parse(bad).expect_err("refused");
            assert_eq!(
                why,
                InvalidRedirectUri::NotNormal(normal.to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_this_providers_expansion_is_proven() {
        let registered =
            [RedirectUriTemplate::parse("https://example.com/cb/:provider").expect("good")];
        let prove = |received: &str| RedirectUri::prove(received, &slug("stripe"), &registered);
        let expanded = RedirectUri("https://example.com/cb/stripe".into());
        assert_eq!(
            prove("https://example.com/cb/stripe"),
            Some(expanded.clone())
        );
        assert_eq!(prove("https://example.com/cb/:provider"), Some(expanded));
        for bad in [
            "https://example.com/cb/linear",
            "https://example.com/cb/Stripe",
            "https://example.com/cb/stripe/",
        ] {
            assert_eq!(prove(bad), None, "{bad}");
        }
    }

    #[test]
    fn parameters_are_appended_and_escaped() {
        let bare = RedirectUri("https://example.com/cb".into());
        assert_eq!(
            bare.with(&[("code", "a b"), ("state", "&=")]),
            "https://example.com/cb?code=a+b&state=%26%3D"
        );
        let with_query = RedirectUri("https://example.com/cb?x=1".into());
        assert_eq!(
            with_query.with(&[("code", "c")]),
            "https://example.com/cb?x=1&code=c"
        );
    }
}
