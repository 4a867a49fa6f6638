//! Where deliveries go.

use url::Url;

use crate::redirect_uri::is_loopback;

/// The address of an endpoint, in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why an address cannot be an endpoint's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookUrl {
    /// Not an absolute URL at all.
    #[error("enter a complete URL, such as https://example.com/webhooks/keyway")]
    NotAUrl,
    /// Longer than 2,000 characters.
    #[error("at most 2,000 characters")]
    TooLong,
    /// Whitespace, control characters or a backslash.
    #[error("no spaces, line ends or backslashes in the URL")]
    Characters,
    /// Neither https nor http on loopback.
    #[error("use https (http only for 127.0.0.1, [::1] and localhost)")]
    Scheme,
    /// Has a user name or password.
    #[error("no user name or password in the URL")]
    Userinfo,
    /// Has a fragment, which no server would see.
    #[error("no fragment (the part after #)")]
    Fragment,
}

impl WebhookUrl {
    /// Checks what somebody wants to register. Whether its host is one that Keyway may connect to
    /// is for the address guard to say, when it connects.
    ///
    /// # Errors
    /// [`InvalidWebhookUrl`], each with the sentence to show.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookUrl> {
        use InvalidWebhookUrl as No;
        if text.len() > MAX {
            return Err(No::TooLong);
        }
        if text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
        {
            return Err(No::Characters);
        }
        if text.contains('#') {
            return Err(No::Fragment);
        }
        let url = Url::parse(text).map_err(|_| No::NotAUrl)?;
        if !text.contains("://") || url.host().is_none() {
            return Err(No::NotAUrl);
        }
        if !(url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))) {
            return Err(No::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(No::Userinfo);
        }
        if url.as_str().len() > MAX {
            return Err(No::TooLong);
        }
        Ok(Self(url))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

const MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_taken_and_http_on_this_machine() {
        for (good, normal) in [
            (
                "https://example.com/hooks?x=1",
                "https://example.com/hooks?x=1",
            ),
            ("https://EXAMPLE.com", "https://example.com/"),
            ("https://example.com:8443/", "https://example.com:8443/"),
            ("http://localhost:3000/hooks", "http://localhost:3000/hooks"),
            ("http://127.0.0.1/", "http://127.0.0.1/"),
            ("http://[::1]:9000/", "http://[::1]:9000/"),
        ] {
            let url = WebhookUrl::parse(good).expect(good);
            assert_eq!(url.as_str(), normal);
            assert_eq!(WebhookUrl::parse(normal), Ok(url), "reads back");
        }
    }

    #[test]
    fn the_rest_is_refused_and_told_why() {
        use InvalidWebhookUrl as No;
        let long = format!("https://example.com/{}", "a".repeat(1981));
        let grows = format!("https://example.com/{}", "\u{fc}".repeat(900));
        for (bad, why) in [
            ("", No::NotAUrl),
            ("example.com/hooks", No::NotAUrl),
            ("https:example.com", No::NotAUrl),
            ("https://", No::NotAUrl),
            ("data:text/plain,x", No::NotAUrl),
            (long.as_str(), No::TooLong),
            (grows.as_str(), No::TooLong),
            ("https://example.com/a b", No::Characters),
            ("https://example.com/a\nb", No::Characters),
            ("https://example.com\\@evil.example/", No::Characters),
            ("http://example.com/", No::Scheme),
            ("http://10.0.0.1/", No::Scheme),
            ("http://localhost.evil.example/", No::Scheme),
            ("ftp://example.com/", No::Scheme),
            ("https://user@example.com/", No::Userinfo),
            ("https://:pw@example.com/", No::Userinfo),
            ("https://example.com/#x", No::Fragment),
        ] {
            assert_eq!(WebhookUrl::parse(bad), Err(why), "{bad}");
        }
    }
}
