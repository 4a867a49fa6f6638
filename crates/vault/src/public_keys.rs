//! The file that the console gets: public keys, and nothing that opens.

use base64ct::{Base64, Encoding as _};
use hpke::Deserializable as _;
#[cfg(feature = "open")]
use hpke::Serializable as _;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::KeyId,
    sealer::{PublicKey, Sealer},
};

/// `public-keys.toml`: the first key seals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeys {
    keys: Vec<PublicKeyEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyEntry {
    id: String,
    x25519: String,
}

/// A public-keys file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PublicKeysError {
    /// Not the TOML that `keyway keys generate` writes.
    #[error("not a public-keys file: {0}")]
    Syntax(String),
    /// No key, or one that is no X25519 key.
    #[error("key {0:?} is not an X25519 public key")]
    Key(String),
    /// Holds no key at all.
    #[error("the file holds no key")]
    Empty,
}

impl PublicKeys {
    /// Reads the text of a public-keys file.
    ///
    /// # Errors
    /// [`PublicKeysError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, PublicKeysError> {
        // Only the message: a position would quote the line, and somebody may have given the key ring.
        toml::from_str(text).map_err(|error| PublicKeysError::Syntax(error.message().to_owned()))
    }

    /// The sealer for the first key.
    ///
    /// # Errors
    /// [`PublicKeysError::Key`] or [`PublicKeysError::Empty`].
    pub fn sealer(&self) -> Result<Sealer, PublicKeysError> {
        let entry = self.keys.first().ok_or(PublicKeysError::Empty)?;
        let bad = || PublicKeysError::Key(entry.id.clone());
        let id = KeyId::parse(&entry.id).ok_or_else(bad)?;
        let bytes = Base64::decode_vec(&entry.x25519).map_err(|_| bad())?;
        let key = PublicKey::from_bytes(&bytes).map_err(|_| bad())?;
        Ok(Sealer::new(id, key))
    }

    #[cfg(feature = "open")]
    pub(crate) fn of(keys: impl Iterator<Item = (KeyId, PublicKey)>) -> Self {
        Self {
            keys: keys
                .map(|(id, key)| PublicKeyEntry {
                    id: id.to_string(),
                    x25519: Base64::encode_string(&key.to_bytes()),
                })
                .collect(),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`PublicKeysError::Syntax`] if it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, PublicKeysError> {
        let body =
            toml::to_string(self).map_err(|error| PublicKeysError::Syntax(error.to_string()))?;
        Ok(format!(
            "# Keyway public keys, for the console: they seal and cannot open.\n\n{body}"
        ))
    }
}
