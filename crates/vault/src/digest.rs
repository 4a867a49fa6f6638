//! Digests of tokens, and comparison that tells nothing by its time.

use keyway_domain::{
    opaque::{Digest, OpaqueToken},
    secret::SecretString,
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The digest of a token that the console must recognise: SHA-256, without a key.
///
/// The console holds no secret key by design. A token is 256 random bits, so its digest cannot be
/// inverted or guessed; a key would only matter for values that people choose.
pub fn unkeyed<T: OpaqueToken>(token: &T) -> Digest<T> {
    let digest = Sha256::new()
        .chain_update(T::PURPOSE)
        .chain_update([0])
        .chain_update(token.secret().expose())
        .finalize();
    Digest::from_bytes(digest.into())
}

/// Whether two secrets are equal, in a time that depends on neither.
///
/// Both sides are hashed first, so that neither length nor a common prefix shows.
pub fn equal(left: &SecretString, right: &SecretString) -> bool {
    let left = Sha256::digest(left.expose().as_bytes());
    let right = Sha256::digest(right.expose().as_bytes());
    left.as_slice().ct_eq(right.as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_minds_every_byte() {
        assert!(equal(&"secret".into(), &"secret".into()));
        assert!(!equal(&"secret".into(), &"secret\0".into()));
        assert!(!equal(&"secret".into(), &"".into()));
    }
}
