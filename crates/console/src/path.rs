//! Ids in our own URLs, and the one question a redirect after sign-in must answer.

use std::str::FromStr;

use actix_web::HttpRequest;

use crate::error::PageError;

/// The rooms that one may come back to after signing in.
const ROOMS: [&str; 8] = [
    "",
    "oauth-apps",
    "providers",
    "redirect-uris",
    "credentials",
    "flow-log",
    "api-tokens",
    "webhooks",
];

/// The id in the path, in the one usual spelling of a UUID; the parser would take others.
pub(crate) fn id<T: FromStr + ToString>(request: &HttpRequest) -> Result<T, PageError> {
    read_id(request.match_info().query("id"))
}

/// An id in its one usual spelling.
pub(crate) fn read_id<T: FromStr + ToString>(text: &str) -> Result<T, PageError> {
    text.parse()
        .ok()
        .filter(|id: &T| id.to_string() == text.to_ascii_lowercase())
        .ok_or(PageError::MalformedId)
}

/// The path, if it is one of our own pages; `//evil.example`, `/\evil.example` and the like are
/// not, since no path of ours has a dot, a colon, a backslash, or two slashes in a row.
pub(crate) fn local(path: &str) -> Option<&str> {
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'/');
    let room = path.strip_prefix('/')?.split('/').next()?;
    (path.len() <= 200
        && path.bytes().all(plain)
        && !path.contains("//")
        && ROOMS.contains(&room)
        && (!room.is_empty() || path == "/"))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::ids::OauthAppId;

    #[test]
    fn only_our_own_pages_are_come_back_to() {
        for good in [
            "/",
            "/oauth-apps",
            "/oauth-apps/new/linear",
            "/flow-log/0193b3c0-0000-7000-8000-000000000000",
        ] {
            assert_eq!(local(good), Some(good), "{good}");
        }
        let long = format!("/oauth-apps/{}", "a".repeat(200));
        for bad in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/oauth-apps//evil.example",
            "/oauth-apps/../sign-out",
            "/%2f/evil.example",
            "/oauth-apps?x=//evil.example",
            "/oauth-apps#x",
            "/oauth-apps@evil.example",
            "/sign-in",
            "/sign-out",
            "/setup/x",
            "/oauth-appsx",
            "/ oauth-apps",
            "/oauth-apps\r\nset-cookie: x",
            "/\toauth-apps",
            "oauth-apps",
            long.as_str(),
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ids_have_one_spelling() {
        let id = "0193b3c0-0000-7000-8000-000000000000";
        assert!(read_id::<OauthAppId>(id).is_ok());
        for bad in [
            "",
            "x",
            "0193b3c0000070008000000000000000",
            "{0193b3c0-0000-7000-8000-000000000000}",
            "urn:uuid:0193b3c0-0000-7000-8000-000000000000",
        ] {
            assert!(read_id::<OauthAppId>(bad).is_err(), "{bad:?}");
        }
    }
}
