//! Sealing without the power to open (HPKE, RFC 9180).

use hpke::{
    OpModeS, Serializable as _, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256,
    single_shot_seal_with_rng,
};
use keyway_domain::{
    random::Random,
    sealed::{Place, Sealed},
    secret::SecretString,
};
use rand_core::{TryCryptoRng, TryRng};

use crate::envelope::{self, KeyId, Scheme};

pub(crate) type PublicKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;

/// Separates our use of HPKE from any other.
pub(crate) const INFO: &[u8] = b"keyway seal v1";

/// Seals for whoever holds the key ring. Has no way to open anything.
#[derive(Clone)]
pub struct Sealer {
    id: KeyId,
    key: PublicKey,
}

/// Sealing failed; nothing was stored.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be sealed")]
pub struct SealError;

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.id)
    }
}

impl Sealer {
    /// How everything begins that a sealer sealed, so that it can be found in the database.
    pub const MARK: [u8; 2] = envelope::mark(Scheme::Hpke);

    pub(crate) fn new(id: KeyId, key: PublicKey) -> Self {
        Self { id, key }
    }

    /// The key that it seals for.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Seals `plaintext` for `place`.
    ///
    /// # Errors
    /// [`SealError`] if the public key is unusable.
    pub fn seal(
        &self,
        place: &Place,
        plaintext: &SecretString,
        random: &dyn Random,
    ) -> Result<Sealed, SealError> {
        let header = envelope::header(Scheme::Hpke, self.id);
        let aad = envelope::additional_data(header, place);
        let (encapsulated, ciphertext) =
            single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &self.key,
                INFO,
                plaintext.expose().as_bytes(),
                &aad,
                &mut Injected(random),
            )
            .map_err(|_| SealError)?;
        let mut out = header.to_vec();
        out.extend_from_slice(&encapsulated.to_bytes());
        out.extend_from_slice(&ciphertext);
        Ok(Sealed::from_bytes(out))
    }
}

/// Our randomness in the shape that the `hpke` crate takes.
struct Injected<'a>(&'a dyn Random);

impl TryRng for Injected<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(self.0.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(self.0.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Injected<'_> {}
