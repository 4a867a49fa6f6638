//! Keyway's own signatures: access tokens (RFC 9068) and id tokens.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::{Algorithm, EncodingKey};
use keyway_domain::secret::SecretString;
use serde_json::{Value, json};
use zeroize::Zeroize as _;

/// What Keyway signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA with P-256 and SHA-256: small and fast.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for clients that know nothing else.
    Rs256,
}

impl SigningAlgorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    fn implemented(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

/// A signing key could not be made, or does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct SigningError;

/// A key that signs. Its private half leaves it as [`PrivateKey::to_secret`] alone.
pub struct PrivateKey {
    algorithm: SigningAlgorithm,
    signing: EncodingKey,
    public_jwk: Value,
    pkcs8: SecretString,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({})", self.algorithm.as_str())
    }
}

impl PrivateKey {
    /// A fresh key. One for RS256 takes the better part of a second.
    ///
    /// # Errors
    /// [`SigningError`] if the machine has no randomness.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Self, SigningError> {
        let document = match algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| Base64::encode_string(document.as_ref())),
            SigningAlgorithm::Rs256 => aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| pair.as_der())
                .map(|document: Pkcs8V1Der<'_>| Base64::encode_string(document.as_ref())),
        };
        let text = document.map_err(|_| SigningError)?;
        Self::from_secret(algorithm, &SecretString::new(text))
    }

    /// The key that [`Self::to_secret`] wrote.
    ///
    /// # Errors
    /// [`SigningError`] if it is none.
    pub fn from_secret(
        algorithm: SigningAlgorithm,
        text: &SecretString,
    ) -> Result<Self, SigningError> {
        let mut der = Base64::decode_vec(text.expose()).map_err(|_| SigningError)?;
        let (signing, public_jwk) = match algorithm {
            SigningAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
                let pair = pair.map_err(|_| SigningError)?;
                // Uncompressed: 4, x, y (SEC 1 section 2.3.3).
                let point = pair.public_key().as_ref().get(1..65).ok_or(SigningError)?;
                let (x, y) = point.split_at(32);
                let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
                (EncodingKey::from_ec_der(&der), jwk)
            }
            SigningAlgorithm::Rs256 => {
                let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&der).map_err(|_| SigningError)?;
                let public = pair.public_key();
                let jwk = json!({
                    "kty": "RSA",
                    "n": encode(public.modulus().big_endian_without_leading_zero()),
                    "e": encode(public.exponent().big_endian_without_leading_zero()),
                });
                // The crate takes PKCS #8 in PEM alone.
                let mut pem = format!(
                    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                    text.expose()
                );
                let signing =
                    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| SigningError)?;
                pem.zeroize();
                (signing, jwk)
            }
        };
        der.zeroize();
        Ok(Self {
            algorithm,
            signing,
            public_jwk,
            pkcs8: text.clone(),
        })
    }

    /// The private key, to be sealed: PKCS #8 in base64.
    pub fn to_secret(&self) -> &SecretString {
        &self.pkcs8
    }

    /// The public half, without an id.
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    /// Signs claims.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign(
        &self,
        typ: &str,
        key_id: Option<&str>,
        claims: &Value,
    ) -> Result<String, SigningError> {
        let mut header = json!({"typ": typ, "alg": self.algorithm.as_str()});
        if let (Some(members), Some(id)) = (header.as_object_mut(), key_id) {
            members.insert("kid".into(), id.into());
        }
        let [header, claims] = [&header, claims].map(|part| encode(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let algorithm = self.algorithm.implemented();
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.signing, algorithm);
        let signature = signature.map_err(|_| SigningError)?;
        Ok(format!("{signed}.{signature}"))
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
