//! Proof Key for Code Exchange (RFC 7636), S256 only.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};

use crate::{random::Random, secret::SecretString};

/// A `code_verifier`: 43 to 128 unreserved characters (RFC 7636 4.1).
#[derive(Debug, Clone)]
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// A fresh verifier of 256 random bits.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.token())
    }

    /// Reads a verifier that a client sent or that was kept; `None` outside the grammar.
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        ((43..=128).contains(&text.len()) && text.bytes().all(unreserved))
            .then(|| Self(SecretString::from(text)))
    }

    /// The verifier as it goes to a token endpoint.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The S256 challenge of this verifier (RFC 7636 4.2).
    pub fn challenge(&self) -> CodeChallenge {
        let digest = Sha256::digest(self.0.expose().as_bytes());
        CodeChallenge(Base64UrlUnpadded::encode_string(&digest))
    }
}

/// An S256 `code_challenge`: 43 base64url characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads a challenge; `None` unless it is a SHA-256 digest in base64url.
    pub fn parse(text: &str) -> Option<Self> {
        crate::opaque::is_token(text).then(|| Self(text.to_owned()))
    }

    /// The challenge as it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7636_appendix_b() {
        let verifier =
            CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").expect("verifier");
        assert_eq!(
            verifier.challenge().as_str(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn length_and_alphabet_are_checked() {
        assert!(CodeVerifier::parse(&"a".repeat(42)).is_none());
        assert!(CodeVerifier::parse(&"a".repeat(129)).is_none());
        assert!(CodeVerifier::parse(&"+".repeat(43)).is_none());
        assert!(CodeChallenge::parse("short").is_none());
        assert!(CodeChallenge::parse(&"=".repeat(43)).is_none());
    }
}
