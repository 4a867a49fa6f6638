//! From a caller's path to a URL that provably stays below the provider's base URL.

use url::Url;

/// A path that could lead elsewhere, or be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// A character that RFC 3986 does not have in paths.
    #[error("The path holds a character that must be percent-encoded.")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("The path holds a percent sign that encodes nothing.")]
    Encoding,
    /// An encoded control character or backslash.
    #[error("The path holds an encoded control character or backslash.")]
    Encoded,
    /// It begins with a slash: `//host/` is a host elsewhere.
    #[error("The path begins with a second slash.")]
    Slash,
    /// `.` or `..`, however it is spelled.
    #[error("The path holds a dot segment.")]
    Dots,
    /// The query holds what no query may.
    #[error("The query holds a character that must be percent-encoded.")]
    Query,
    /// It did not come out as it went in.
    #[error("The path cannot be appended to the provider's address.")]
    Changed,
}

/// How often a path is decoded in search of dot segments: servers behind servers decode twice.
const DECODINGS: usize = 3;

/// Appends a caller's path and query, both as they came over the wire, to a base URL.
///
/// # Errors
/// [`InvalidPath`].
pub fn below(base: &Url, path: &str, query: Option<&str>) -> Result<Url, InvalidPath> {
    check_path(path)?;
    if query.is_some_and(|query| {
        !query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    }) {
        return Err(InvalidPath::Query);
    }
    // No path is the base itself, as an MCP server's one URL is.
    let expected = if path.is_empty() {
        base.path().to_owned()
    } else {
        format!("{}/{path}", base.path().trim_end_matches('/'))
    };
    let mut url = base.clone();
    url.set_path(&expected);
    url.set_query(query);
    url.set_fragment(None);
    // The proof, whatever the rules above forgot: only the path changed, and only by what was added.
    let is_below = url.path() == expected
        && url.origin() == base.origin()
        && url.username().is_empty()
        && url.password().is_none();
    if is_below {
        Ok(url)
    } else {
        Err(InvalidPath::Changed)
    }
}

fn check_path(path: &str) -> Result<(), InvalidPath> {
    if path.starts_with('/') {
        return Err(InvalidPath::Slash);
    }
    if !path.bytes().all(is_path_byte) {
        return Err(InvalidPath::Character);
    }
    let mut decoded = decode(path.as_bytes()).ok_or(InvalidPath::Encoding)?;
    let is_hidden = |byte: &u8| byte.is_ascii_control() || *byte == b'\\';
    if decoded.iter().any(is_hidden) {
        return Err(InvalidPath::Encoded);
    }
    for _ in 0..DECODINGS {
        if has_dots(&decoded) {
            return Err(InvalidPath::Dots);
        }
        match decode(&decoded) {
            Some(further) => decoded = further,
            None => break,
        }
    }
    Ok(())
}

/// `pchar` and the slash, of RFC 3986 section 3.3.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

/// Decodes percent signs; none if one encodes nothing.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

/// Whether a segment is `.` or `..`, before its parameters too: some servers drop those first.
fn has_dots(path: &[u8]) -> bool {
    path.split(|byte| matches!(byte, b'/' | b'\\'))
        .any(|segment| {
            let name = segment.split(|byte| *byte == b';').next();
            matches!(name, Some(b"." | b".."))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://api.example.com/v0";

    fn appended(path: &str, query: Option<&str>) -> Result<String, InvalidPath> {
        let base = Url::parse(BASE).expect("a URL");
        below(&base, path, query).map(String::from)
    }

    #[test]
    fn what_belongs_below_is_appended_as_it_is() {
        assert_eq!(appended("", None).as_deref(), Ok(BASE));
        for path in [
            "users",
            "users/",
            "a//b",
            "users/%41%2Fb",
            "me@example.com/x:y",
            "http://evil.example/",
            "@evil.example/",
            ":8443/x",
            "a;b=c/d,e",
            "...",
            ".../..a/.b",
            "%E2%82%AC",
            "100%25",
            "a%3Fb%23c",
        ] {
            let url = appended(path, None).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(url, format!("{BASE}/{path}"));
        }
        assert_eq!(
            appended("a", Some("b=/../&c=%0d%0a//x@y")).as_deref(),
            Ok("https://api.example.com/v0/a?b=/../&c=%0d%0a//x@y")
        );
        assert_eq!(
            appended("a", Some("")).as_deref(),
            Ok("https://api.example.com/v0/a?")
        );
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for (path, why) in [
            ("/evil.example/", InvalidPath::Slash),
            ("//evil.example/", InvalidPath::Slash),
            ("/", InvalidPath::Slash),
            ("\\evil.example", InvalidPath::Character),
            ("\\\\evil.example", InvalidPath::Character),
            ("a\\..\\b", InvalidPath::Character),
            ("a b", InvalidPath::Character),
            ("a\r\nHost: evil.example", InvalidPath::Character),
            ("a\tb", InvalidPath::Character),
            ("a#b", InvalidPath::Character),
            ("a?b", InvalidPath::Character),
            ("caf\u{e9}", InvalidPath::Character),
            ("a\u{ff0f}b", InvalidPath::Character),
            ("\u{2025}/x", InvalidPath::Character),
            ("{a}", InvalidPath::Character),
            ("a%", InvalidPath::Encoding),
            ("a%2", InvalidPath::Encoding),
            ("a%zz", InvalidPath::Encoding),
            ("a%0d%0aHost:%20evil", InvalidPath::Encoded),
            ("a%00", InvalidPath::Encoded),
            ("a%7f", InvalidPath::Encoded),
            ("%5cevil", InvalidPath::Encoded),
            ("..", InvalidPath::Dots),
            (".", InvalidPath::Dots),
            ("../x", InvalidPath::Dots),
            ("a/../../x", InvalidPath::Dots),
            ("a/./x", InvalidPath::Dots),
            ("a/..", InvalidPath::Dots),
            ("%2e%2e/x", InvalidPath::Dots),
            ("%2E./x", InvalidPath::Dots),
            (".%2e/x", InvalidPath::Dots),
            ("a/%2e/x", InvalidPath::Dots),
            ("..%2fx", InvalidPath::Dots),
            ("a%2f..%2fx", InvalidPath::Dots),
            ("%252e%252e/x", InvalidPath::Dots),
            ("..%252fx", InvalidPath::Dots),
            ("%25252e%25252e/x", InvalidPath::Dots),
            ("..;/x", InvalidPath::Dots),
            ("a/..;b=c/x", InvalidPath::Dots),
            ("%2e%2e%3b/x", InvalidPath::Dots),
            ("..%255cx", InvalidPath::Dots),
        ] {
            assert_eq!(appended(path, None), Err(why), "{path:?}");
        }
        for query in ["a b", "a\r\nb", "a#b", "caf\u{e9}"] {
            assert_eq!(
                appended("a", Some(query)),
                Err(InvalidPath::Query),
                "{query:?}"
            );
        }
    }

    #[test]
    fn a_base_with_and_without_a_path_keeps_it() {
        for (base, below_it) in [
            ("https://api.example.com", "https://api.example.com/x"),
            ("https://api.example.com/", "https://api.example.com/x"),
            (
                "https://api.example.com/v0/",
                "https://api.example.com/v0/x",
            ),
            ("http://127.0.0.1:80/lab", "http://127.0.0.1/lab/x"),
        ] {
            let base = Url::parse(base).expect("a URL");
            assert_eq!(
                below(&base, "x", None).map(String::from).as_deref(),
                Ok(below_it)
            );
        }
    }
}
