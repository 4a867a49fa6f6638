//! Opaque tokens, and the digests that are stored in their stead.

use std::marker::PhantomData;

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::{random::Random, secret::SecretString};

/// A random value that somebody holds and we recognise by its digest only.
pub trait OpaqueToken {
    /// Separates the digests of different kinds of token.
    const PURPOSE: &'static str;
    /// The value as its holder presents it.
    fn secret(&self) -> &SecretString;
}

/// The digest of a token of kind `T`; what the database holds instead of the token.
pub struct Digest<T> {
    bytes: [u8; 32],
    of: PhantomData<fn() -> T>,
}

impl<T> Digest<T> {
    /// Wraps 32 bytes made by the vault.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            of: PhantomData,
        }
    }

    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T> Clone for Digest<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Digest<T> {}

impl<T> std::fmt::Debug for Digest<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

/// The secret of a console session's cookie.
#[derive(Debug, Clone)]
pub struct ConsoleSessionToken(SecretString);

/// The secret of the one-time link that starts the first-run set-up.
#[derive(Debug, Clone)]
pub struct SetupToken(SecretString);

/// The secret of a one-time start link (`POST /v1/credentials/start-auth`).
#[derive(Debug, Clone)]
pub struct StartToken(SecretString);

/// The secret of a link session's URL.
#[derive(Debug, Clone)]
pub struct LinkSessionToken(SecretString);

/// A refresh token of Keyway's own (RFC 6749 section 1.5).
#[derive(Debug, Clone)]
pub struct RefreshToken(SecretString);

/// The random part of the `request_uri` of a pushed authorization request (RFC 9126 section 2.2).
#[derive(Debug, Clone)]
pub struct PushedRequestUri(SecretString);

/// A secret that Keyway made for a client backend.
#[derive(Debug, Clone)]
pub struct ClientSecret(SecretString);

macro_rules! opaque {
    ($($name:ident $purpose:literal;)*) => {$(
        impl $name {
            /// A fresh token of 256 random bits.
            pub fn generate(random: &dyn Random) -> Self {
                Self(random.token())
            }

            /// Reads what a holder presented; `None` unless it has the form of such a token.
            pub fn parse(text: &str) -> Option<Self> {
                is_token(text).then(|| Self(SecretString::from(text)))
            }
        }

        impl OpaqueToken for $name {
            const PURPOSE: &'static str = $purpose;
            fn secret(&self) -> &SecretString {
                &self.0
            }
        }
    )*};
}

opaque! {
    ConsoleSessionToken "console-session";
    SetupToken "setup-link";
    StartToken "start-link";
    LinkSessionToken "link-session";
    RefreshToken "refresh-token";
    PushedRequestUri "pushed-request";
    ClientSecret "client-secret";
}

/// The `jti` of a client's assertion or of a DPoP proof, with all that it is unique among. Its digest
/// is kept until it would be too old, so that it is taken once.
#[derive(Debug, Clone)]
pub struct ProofId(SecretString);

impl ProofId {
    /// Who made it, for what, and what it is called.
    pub fn new(maker: &str, kind: &str, jti: &str) -> Self {
        Self(SecretString::new(format!("{kind}\0{maker}\0{jti}")))
    }
}

impl OpaqueToken for ProofId {
    const PURPOSE: &'static str = "proof";
    fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// What a request is: method, path and body. Its digest tells whether an `Idempotency-Key` came
/// back with the same request; it is keyed, since a body may hold a secret that can be guessed.
#[derive(Debug, Clone)]
pub struct RequestText(SecretString);

impl RequestText {
    /// The request as one text.
    pub fn new(method: &str, path: &str, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        Self(SecretString::new(format!("{method}\0{path}\0{body}")))
    }
}

impl OpaqueToken for RequestText {
    const PURPOSE: &'static str = "idempotent-request";
    fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// Whether `text` is 256 bits in base64url, as [`Random`] makes them.
pub(crate) fn is_token(text: &str) -> bool {
    let mut bytes = [0; 32];
    text.len() == 43 && Base64UrlUnpadded::decode(text, &mut bytes).is_ok()
}
