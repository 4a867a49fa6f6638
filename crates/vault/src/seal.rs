//! Sealing and opening with the key ring.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hpke::{
    Deserializable as _, OpModeR, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256,
    single_shot_open,
};
use keyway_domain::{
    random::Random,
    sealed::{Place, Sealed},
    secret::SecretString,
};

use crate::{
    envelope::{self, KeyId, Scheme},
    key_ring::{KeyRing, SealKey},
    sealer::{INFO, SealError},
};

const NONCE: usize = 24;
const ENCAPSULATED: usize = 32;

/// A ciphertext did not open. Log it: something is wrong with the database or the key ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a ciphertext of ours.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed with a key that the ring does not hold.
    #[error("sealed with key {0}, which the key ring does not hold")]
    UnknownKey(KeyId),
    /// Edited, or moved from another table, column, row or account.
    #[error("the sealed value was edited or belongs elsewhere")]
    Refused,
}

impl KeyRing {
    /// Seals `plaintext` for `place` with the first key.
    ///
    /// # Errors
    /// [`SealError`] if the cipher refuses, which it does for gigabytes only.
    pub fn seal(
        &self,
        place: &Place,
        plaintext: &SecretString,
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        let key = self.first().ok_or(SealError)?;
        let header = envelope::header(Scheme::Symmetric, key.id);
        let nonce = random.bytes::<NONCE>();
        let payload = Payload {
            msg: plaintext.expose().as_bytes(),
            aad: &envelope::additional_data(header, place),
        };
        let ciphertext = cipher(key, place)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError)?;
        let mut out = header.to_vec();
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&ciphertext);
        Ok(Sealed::from_bytes(out))
    }

    /// Opens what was sealed for `place`, by this ring or by a [`crate::Sealer`].
    ///
    /// # Errors
    /// [`OpenError`]: it was edited, moved, or sealed with an unknown key. Fail closed.
    pub fn open(&self, place: &Place, sealed: &Sealed) -> Result<SecretString, OpenError> {
        let (scheme, id, rest) = envelope::split(sealed.as_bytes()).ok_or(OpenError::Malformed)?;
        let key = self.find(id).ok_or(OpenError::UnknownKey(id))?;
        let aad = envelope::additional_data(envelope::header(scheme, id), place);
        let plaintext = match scheme {
            Scheme::Symmetric => open_symmetric(key, place, rest, &aad),
            Scheme::Hpke => open_hpke(key, rest, &aad),
        }?;
        String::from_utf8(plaintext)
            .map(SecretString::new)
            .map_err(|_| OpenError::Refused)
    }
}

fn open_symmetric(
    key: &SealKey,
    place: &Place,
    rest: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let (nonce, msg) = rest
        .split_first_chunk::<NONCE>()
        .ok_or(OpenError::Malformed)?;
    cipher(key, place)
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad })
        .map_err(|_| OpenError::Refused)
}

fn open_hpke(key: &SealKey, rest: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (encapsulated, ciphertext) = rest
        .split_first_chunk::<ENCAPSULATED>()
        .ok_or(OpenError::Malformed)?;
    let encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(encapsulated)
        .map_err(|_| OpenError::Malformed)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key.private,
        &encapsulated,
        INFO,
        ciphertext,
        aad,
    )
    .map_err(|_| OpenError::Refused)
}

fn cipher(key: &SealKey, place: &Place) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.for_column(place.table, place.column).expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sealer;
    use keyway_domain::{
        ids::{AccountId, OauthAppId},
        random::OsRandom,
    };
    use uuid::Uuid;

    fn place() -> Place {
        let app = OauthAppId::from(Uuid::from_bytes([1; 16]));
        Place::oauth_app_client_secret(app, AccountId::from(Uuid::from_bytes([2; 16])))
    }

    fn sealed_both_ways(ring: &KeyRing) -> [Sealed; 2] {
        let secret = SecretString::from("canary");
        [
            ring.seal(&place(), &secret, &OsRandom).expect("sealed"),
            ring.sealer()
                .expect("key")
                .seal(&place(), &secret, &OsRandom)
                .expect("sealed"),
        ]
    }

    #[test]
    fn opens_in_its_place() {
        let ring = KeyRing::generate(&OsRandom);
        for sealed in sealed_both_ways(&ring) {
            assert_eq!(
                ring.open(&place(), &sealed).expect("opens").expose(),
                "canary"
            );
            assert!(!sealed.as_bytes().windows(6).any(|w| w == b"canary"));
        }
    }

    #[test]
    fn opens_nowhere_else() {
        let ring = KeyRing::generate(&OsRandom);
        let here = place();
        let elsewhere = [
            Place {
                table: "grants",
                ..here
            },
            Place {
                column: "sealed_secrets",
                ..here
            },
            Place {
                row: Uuid::from_bytes([9; 16]),
                ..here
            },
            Place {
                account: AccountId::from(Uuid::from_bytes([9; 16])),
                ..here
            },
        ];
        for sealed in sealed_both_ways(&ring) {
            for place in &elsewhere {
                assert_eq!(
                    ring.open(place, &sealed).expect_err("refused"),
                    OpenError::Refused,
                    "{place:?}"
                );
            }
        }
    }

    #[test]
    fn one_flipped_bit_anywhere_is_refused() {
        let ring = KeyRing::generate(&OsRandom);
        for sealed in sealed_both_ways(&ring) {
            for at in 0..sealed.as_bytes().len() * 8 {
                let mut bytes = sealed.as_bytes().to_vec();
                bytes[at / 8] ^= 1 << (at % 8);
                assert!(
                    ring.open(&place(), &Sealed::from_bytes(bytes)).is_err(),
                    "bit {at}"
                );
            }
        }
    }

    #[test]
    fn the_mark_tells_who_sealed() {
        let [by_ring, by_sealer] = sealed_both_ways(&KeyRing::generate(&OsRandom));
        assert!(by_sealer.as_bytes().starts_with(&Sealer::MARK));
        assert!(!by_ring.as_bytes().starts_with(&Sealer::MARK));
    }

    #[test]
    fn another_ring_is_refused() {
        let ring = KeyRing::generate(&OsRandom);
        for sealed in sealed_both_ways(&ring) {
            let error = KeyRing::generate(&OsRandom)
                .open(&place(), &sealed)
                .expect_err("refused");
            assert!(matches!(error, OpenError::UnknownKey(_)));
        }
        assert_eq!(
            ring.open(&place(), &Sealed::from_bytes(vec![1, 1]))
                .expect_err("refused"),
            OpenError::Malformed
        );
    }
}
