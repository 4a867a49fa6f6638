//! The outer form of every ciphertext, and the additional data that binds it to its place.

use keyway_domain::sealed::Place;

/// Version of this form.
const VERSION: u8 = 1;
/// Version, scheme, key id.
pub(crate) const HEADER: usize = 6;

/// How the rest of a ciphertext is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// 24 bytes of nonce, then XChaCha20-Poly1305.
    #[cfg(feature = "open")]
    Symmetric,
    /// 32 bytes of encapsulated key, then HPKE's ChaCha20-Poly1305.
    Hpke,
}

impl Scheme {
    const fn byte(self) -> u8 {
        match self {
            #[cfg(feature = "open")]
            Self::Symmetric => 1,
            Self::Hpke => 2,
        }
    }
}

/// Names a key of the ring: 4 random bytes, written as 8 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// Wraps the 4 bytes.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// Reads 8 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let number = u32::from_str_radix(text, 16).ok()?;
        (text.len() == 8).then(|| Self(number.to_be_bytes()))
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Version and scheme.
pub(crate) const fn mark(scheme: Scheme) -> [u8; 2] {
    [VERSION, scheme.byte()]
}

pub(crate) fn header(scheme: Scheme, key: KeyId) -> [u8; HEADER] {
    let [version, scheme] = mark(scheme);
    let [a, b, c, d] = key.0;
    [version, scheme, a, b, c, d]
}

/// Splits a ciphertext into scheme, key id and the rest; `None` if it is none of ours.
#[cfg(feature = "open")]
pub(crate) fn split(bytes: &[u8]) -> Option<(Scheme, KeyId, &[u8])> {
    let ([version, scheme, key @ ..], rest) = bytes.split_first_chunk::<HEADER>()?;
    let scheme = match scheme {
        1 => Scheme::Symmetric,
        2 => Scheme::Hpke,
        _ => return None,
    };
    (*version == VERSION).then_some((scheme, KeyId(*key), rest))
}

/// The header and the place, each part with its length before it, so that no two places read alike.
pub(crate) fn additional_data(header: [u8; HEADER], place: &Place) -> Vec<u8> {
    let mut out = header.to_vec();
    for part in [
        place.table.as_bytes(),
        place.column.as_bytes(),
        place.row.as_bytes(),
        place.account.uuid().as_bytes(),
    ] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}
