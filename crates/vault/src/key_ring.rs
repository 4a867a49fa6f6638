//! The keys that open: one file, read at start.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hpke::{Kem as _, kem::X25519HkdfSha256};
use keyway_domain::{
    ids::AuthorizationSessionId,
    opaque::{Digest, OpaqueToken},
    random::Random,
    secret::{Secret, SecretString},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroize as _;

use crate::{
    PublicKeys,
    digest::equal,
    envelope::KeyId,
    sealer::{PublicKey, Sealer},
};

/// How long a nonce is handed out; it is taken for as long again.
const NONCE_SECONDS: i64 = 150;

pub(crate) type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;

/// All keys of an installation. The first seals, each opens what it sealed.
pub struct KeyRing {
    digest_key: Secret<[u8; 32]>,
    keys: Vec<SealKey>,
}

/// One master key and what is derived from it.
pub(crate) struct SealKey {
    pub(crate) id: KeyId,
    master: Secret<[u8; 32]>,
    pub(crate) private: PrivateKey,
    pub(crate) public: PublicKey,
}

/// Names a key without giving it away, so that a database can tell whether a ring is the one
/// that it was sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Id of the key; `digest` for the digest key.
    pub key: String,
    /// 16 bytes derived one-way from it.
    pub bytes: [u8; 16],
}

/// A key ring file that cannot be used. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// Not the TOML that `keyway keys generate` writes.
    #[error("not a key ring: {0}")]
    Syntax(String),
    /// A key is not 32 bytes in base64, or an id is not 8 hexadecimal digits.
    #[error("key {0:?} is malformed")]
    Key(String),
    /// No key, or one id twice.
    #[error("the ring needs at least one key, each with its own id")]
    Empty,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    digest_key: String,
    keys: Vec<FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    id: String,
    secret: String,
}

impl Drop for File {
    fn drop(&mut self) {
        self.digest_key.zeroize();
        for key in &mut self.keys {
            key.secret.zeroize();
        }
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| key.id))
            .finish()
    }
}

impl KeyRing {
    /// A ring with one fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        Self {
            digest_key: Secret::new(random.bytes()),
            keys: vec![SealKey::derive(
                KeyId::from_bytes(random.bytes()),
                Secret::new(random.bytes()),
            )],
        }
    }

    /// Reads the text of a key ring file.
    ///
    /// # Errors
    /// [`KeyRingError`]; its text never quotes the file.
    pub fn parse(text: &SecretString) -> Result<Self, KeyRingError> {
        let file: File = toml::from_str(text.expose())
            .map_err(|error: toml::de::Error| KeyRingError::Syntax(error.message().to_owned()))?;
        let mut keys: Vec<SealKey> = Vec::new();
        for entry in &file.keys {
            let bad = || KeyRingError::Key(entry.id.clone());
            let id = KeyId::parse(&entry.id).ok_or_else(bad)?;
            if keys.iter().any(|known| known.id == id) {
                return Err(KeyRingError::Empty);
            }
            keys.push(SealKey::derive(id, decode(&entry.secret).ok_or_else(bad)?));
        }
        if keys.is_empty() {
            return Err(KeyRingError::Empty);
        }
        let digest_key =
            decode(&file.digest_key).ok_or_else(|| KeyRingError::Key("digest_key".into()))?;
        Ok(Self { digest_key, keys })
    }

    /// The text of the file. Write it readable by its owner only.
    ///
    /// # Errors
    /// [`KeyRingError::Syntax`] if it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<SecretString, KeyRingError> {
        let file = File {
            digest_key: Base64::encode_string(self.digest_key.expose()),
            keys: self
                .keys
                .iter()
                .map(|key| FileKey {
                    id: key.id.to_string(),
                    secret: Base64::encode_string(key.master.expose()),
                })
                .collect(),
        };
        let mut body =
            toml::to_string(&file).map_err(|error| KeyRingError::Syntax(error.to_string()))?;
        let text = format!(
            "# Keyway key ring: whoever reads this file and the database can read every credential.\n\
             # Keep a copy where the database's backups are not. The first key seals, all open.\n\n{body}"
        );
        body.zeroize();
        Ok(SecretString::new(text))
    }

    /// What the console needs: the public half.
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys::of(self.keys.iter().map(|key| (key.id, key.public.clone())))
    }

    /// Seals like the console does, for the first key.
    pub fn sealer(&self) -> Option<Sealer> {
        let key = self.keys.first()?;
        Some(Sealer::new(key.id, key.public.clone()))
    }

    /// A fingerprint of every key.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let digest = std::iter::once(Fingerprint {
            key: "digest".into(),
            bytes: fingerprint(&self.digest_key),
        });
        let keys = self.keys.iter().map(|key| Fingerprint {
            key: key.id.to_string(),
            bytes: fingerprint(&key.master),
        });
        digest.chain(keys).collect()
    }

    /// The digest under which a token is stored and found: HMAC-SHA256, separated by purpose.
    pub fn digest<T: OpaqueToken>(&self, token: &T) -> Digest<T> {
        Digest::from_bytes(self.mac(&[T::PURPOSE.as_bytes(), token.secret().expose().as_bytes()]))
    }

    /// The cookie value that binds a flow to the browser that started it. Nobody without the ring
    /// can compute it, so nothing of it is stored.
    pub fn flow_binding(&self, session: AuthorizationSessionId) -> SecretString {
        let mac = self.mac(&[b"flow-binding", session.uuid().as_bytes()]);
        SecretString::new(Base64UrlUnpadded::encode_string(&mac))
    }

    /// The nonce that a DPoP proof must hold in these minutes (RFC 9449 section 8). It is computed
    /// and not stored, so every gateway knows those of all others.
    pub fn proof_nonce(&self, now: DateTime<Utc>) -> String {
        self.nonce_of(now.timestamp().div_euclid(NONCE_SECONDS))
    }

    /// Whether a nonce is of these minutes, or of those before.
    pub fn is_proof_nonce(&self, text: &str, now: DateTime<Utc>) -> bool {
        let window = now.timestamp().div_euclid(NONCE_SECONDS);
        [window, window - 1].into_iter().any(|window| {
            equal(
                &SecretString::from(text),
                &SecretString::new(self.nonce_of(window)),
            )
        })
    }

    fn nonce_of(&self, window: i64) -> String {
        let mac = self.mac(&[b"dpop-nonce", &window.to_be_bytes()]);
        Base64UrlUnpadded::encode_string(&mac)
    }

    pub(crate) fn first(&self) -> Option<&SealKey> {
        self.keys.first()
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&SealKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of every length (RFC 2104)"
    )]
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.digest_key.expose()).expect("any key length");
        for part in parts {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().into()
    }
}

impl SealKey {
    fn derive(id: KeyId, master: Secret<[u8; 32]>) -> Self {
        let (private, public) =
            X25519HkdfSha256::derive_keypair(&expand::<32>(&master, &[b"keyway hpke v1"]));
        Self {
            id,
            master,
            private,
            public,
        }
    }

    /// The key for one column, so that no key serves two purposes.
    pub(crate) fn for_column(&self, table: &str, column: &str) -> Secret<[u8; 32]> {
        Secret::new(expand(
            &self.master,
            &[
                b"keyway seal v1 ",
                table.as_bytes(),
                b".",
                column.as_bytes(),
            ],
        ))
    }
}

fn fingerprint(key: &Secret<[u8; 32]>) -> [u8; 16] {
    expand(key, &[b"keyway fingerprint v1"])
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA256 yields up to 8160 bytes (RFC 5869)"
)]
fn expand<const N: usize>(key: &Secret<[u8; 32]>, info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(None, key.expose())
        .expand_multi_info(info, &mut out)
        .expect("short output");
    out
}

fn decode(text: &str) -> Option<Secret<[u8; 32]>> {
    let mut bytes = Base64::decode_vec(text).ok()?;
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Secret::new);
    bytes.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::{opaque::SetupToken, random::OsRandom};

    #[test]
    fn a_ring_reads_back_the_same() {
        let ring = KeyRing::generate(&OsRandom);
        let text = ring.to_toml().expect("toml");
        let read = KeyRing::parse(&text).expect("ring");
        assert_eq!(ring.fingerprints(), read.fingerprints());
        let token = SetupToken::generate(&OsRandom);
        assert_eq!(
            ring.digest(&token).as_bytes(),
            read.digest(&token).as_bytes()
        );
        assert_ne!(
            ring.digest(&token).as_bytes(),
            KeyRing::generate(&OsRandom).digest(&token).as_bytes()
        );
    }

    #[test]
    fn a_nonce_is_good_for_minutes_and_in_one_installation() {
        let ring = KeyRing::generate(&OsRandom);
        let at =
            |seconds: i64| DateTime::from_timestamp(1_000_000_000 + seconds, 0).expect("a date");
        let nonce = ring.proof_nonce(at(0));
        assert!(ring.is_proof_nonce(&nonce, at(0)) && ring.is_proof_nonce(&nonce, at(150)));
        assert!(!ring.is_proof_nonce(&nonce, at(300)) && !ring.is_proof_nonce(&nonce, at(-150)));
        assert!(!ring.is_proof_nonce("", at(0)));
        assert!(!KeyRing::generate(&OsRandom).is_proof_nonce(&nonce, at(0)));
    }

    #[test]
    fn a_bad_ring_is_refused_without_quoting_it() {
        let text = KeyRing::generate(&OsRandom).to_toml().expect("toml");
        let canary = text
            .expose()
            .split("secret = ")
            .nth(1)
            .expect("secret")
            .to_owned();
        for bad in [
            text.expose().replace("secret = ", "sekret = "),
            text.expose().replace("secret = \"", "secret = \"!"),
            text.expose().replace("secret = \"", "secret = "),
            "digest_key = \"\"\nkeys = []".to_owned(),
        ] {
            let error = KeyRing::parse(&SecretString::new(bad)).expect_err("refused");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(canary.trim_matches(['"', '\n'])), "{shown}");
        }
        assert!(!format!("{:?}", KeyRing::generate(&OsRandom)).contains("secret"));
    }
}
