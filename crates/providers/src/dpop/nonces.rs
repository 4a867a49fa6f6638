//! The newest nonce of each server (RFC 9449 section 8.2).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use url::Url;

/// As many servers are remembered; a nonce that is forgotten costs one more request.
const MAX_SERVERS: usize = 4096;
/// Nobody's nonce is longer.
const MAX_NONCE: usize = 1024;

/// The newest nonces, by origin: what one server gave is shown to no other.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    /// The newest nonce of the server at this URL.
    pub(crate) fn of(&self, url: &Url) -> Option<String> {
        let origin = url.origin().ascii_serialization();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&origin).cloned()
    }

    /// Remembers what a server gave with an answer, if it did.
    pub(crate) fn note(&self, url: &Url, given: Option<&str>) {
        let Some(nonce) = given else { return };
        if nonce.len() > MAX_NONCE || nonce.is_empty() || !nonce.bytes().all(is_of_a_nonce) {
            return;
        }
        let origin = url.origin().ascii_serialization();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SERVERS && !known.contains_key(&origin) {
            known.clear();
        }
        known.insert(origin, nonce.to_owned());
    }
}

/// NQCHAR (RFC 6749 appendix A).
fn is_of_a_nonce(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn a_nonce_goes_to_the_server_that_gave_it() {
        let nonces = Nonces::default();
        nonces.note(&url("https://a.example/token"), Some("first"));
        nonces.note(&url("https://a.example/token"), None);
        let of = |text: &str| nonces.of(&url(text));
        assert_eq!(of("https://a.example/me").as_deref(), Some("first"));
        nonces.note(&url("https://a.example/me"), Some("second"));
        assert_eq!(of("https://a.example/token").as_deref(), Some("second"));
        for other in [
            "https://b.example/me",
            "http://a.example/me",
            "https://a.example:8443/me",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_nonce_is_not_kept() {
        let nonces = Nonces::default();
        let here = url("https://a.example/");
        for bad in ["", "a b", "a\"b", "a\\b", "é", &"x".repeat(1025)] {
            nonces.note(&here, Some(bad));
            assert_eq!(nonces.of(&here), None, "{bad}");
        }
    }

    #[test]
    fn servers_without_end_are_not_remembered() {
        let nonces = Nonces::default();
        for port in 1..=u16::try_from(MAX_SERVERS + 10).expect("ports") {
            nonces.note(&url(&format!("https://a.example:{port}/")), Some("n"));
        }
        assert!(nonces.0.lock().expect("no panic").len() <= MAX_SERVERS);
    }
}
