//! Which headers go through the proxy.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Hop-by-hop, by RFC 9110 section 7.6.1 and by custom.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Ours, the caller's own, or about the way between them: nothing for the provider.
const REQUEST: [&str; 9] = [
    "authorization",
    "dpop",
    "cookie",
    "host",
    "forwarded",
    "via",
    "x-real-ip",
    "client-certificate",
    "client-certificate-ca-verified",
];
const REQUEST_PREFIXES: [&str; 4] = ["x-forwarded-", "proxy-", "keyway-", "sec-"];

/// About the provider's own site, and not about the answer.
const RESPONSE: [&str; 5] = [
    "dpop-nonce",
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
];
const RESPONSE_PREFIXES: [&str; 1] = ["proxy-"];

/// A header as it came over the wire.
pub type Header = (String, Vec<u8>);

/// The request headers that the provider may see.
pub(super) fn of_request(headers: &[Header]) -> HeaderMap {
    kept(headers, &REQUEST, &REQUEST_PREFIXES)
}

/// The answer's headers that the caller may see.
pub(super) fn of_response(headers: &HeaderMap) -> Vec<Header> {
    let all: Vec<Header> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let kept = kept(&all, &RESPONSE, &RESPONSE_PREFIXES);
    let pairs = kept.iter();
    pairs
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn kept(headers: &[Header], dropped: &[&str], prefixes: &[&str]) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let is_dropped = HOP_BY_HOP.contains(&name.as_str())
            || dropped.contains(&name.as_str())
            || prefixes.iter().any(|prefix| name.starts_with(prefix))
            || named.contains(&name);
        if is_dropped {
            continue;
        }
        let parsed = (HeaderName::try_from(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = parsed {
            kept.append(name, value);
        }
    }
    kept
}

/// What `Connection` names is for this hop alone, except what the message cannot do without.
fn named_in_connection(headers: &[Header]) -> Vec<String> {
    headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .filter(|name| name != "content-length" && name != "content-type")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    fn names(kept: &HeaderMap) -> Vec<&str> {
        kept.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn the_provider_sees_what_is_for_it() {
        let sent = headers(&[
            ("Accept", "a"),
            ("Accept", "b"),
            ("content-type", "text/plain"),
            ("Content-Length", "3"),
            ("If-None-Match", "\"x\""),
            ("User-Agent", "mine"),
            ("Authorization", "Bearer kw_x"),
            ("DPoP", "proof"),
            ("Proxy-Authorization", "Basic x"),
            ("Cookie", "a=b"),
            ("HOST", "evil.example"),
            ("Forwarded", "for=1.2.3.4"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Real-IP", "1.2.3.4"),
            ("Keyway-Edge-Key", "secret"),
            ("Client-Certificate", "pem"),
            ("Connection", "close, X-Mine ,content-length"),
            ("x-mine", "for this hop"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("TE", "trailers"),
            ("Trailer", "X-Sum"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "websocket"),
            ("Expect", "100-continue"),
        ]);
        let kept = of_request(&sent);
        let expected = [
            "accept",
            "content-type",
            "content-length",
            "if-none-match",
            "user-agent",
        ];
        let mut names = names(&kept);
        names.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(kept.get_all("accept").iter().count(), 2);
    }

    #[test]
    fn the_caller_sees_what_is_about_the_answer() {
        let mut answered = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("retry-after", "7"),
            ("location", "https://elsewhere.example/"),
            ("etag", "\"x\""),
            ("set-cookie", "a=b"),
            ("dpop-nonce", "n"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("alt-svc", "h3"),
            ("strict-transport-security", "max-age=1"),
        ] {
            answered.append(name, HeaderValue::from_static(value));
        }
        let mut names: Vec<String> = of_response(&answered).into_iter().map(|(n, _)| n).collect();
        names.sort();
        assert_eq!(names, ["content-type", "etag", "location", "retry-after"]);
    }
}
