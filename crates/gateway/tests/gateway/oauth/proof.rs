//! Keys of clients, and what they sign.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::{Algorithm, EncodingKey};
use keyway_domain::{Random, random::OsRandom};
use keyway_vault::{
    jws::PublicKey,
    signing::{PrivateKey, SigningAlgorithm},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A P-256 key of a client.
pub struct Key {
    pub jwk: Value,
    signing: EncodingKey,
}

impl Key {
    pub fn generate() -> Self {
        let key = PrivateKey::generate(SigningAlgorithm::Es256).expect("a key");
        let der = Base64::decode_vec(key.to_secret().expose()).expect("PKCS #8");
        Self {
            jwk: key.public_jwk().clone(),
            signing: EncodingKey::from_ec_der(&der),
        }
    }

    pub fn thumbprint(&self) -> String {
        let key = PublicKey::parse(&self.jwk).expect("a public key");
        key.thumbprint().to_owned()
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.signing, Algorithm::ES256);
        format!("{signed}.{}", signature.expect("signed"))
    }

    pub fn dpop_header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk})
    }

    /// A DPoP proof with these claims besides, or in place of the usual ones; null takes one out.
    pub fn proof(&self, method: &str, url: &str, at: i64, more: &Value) -> String {
        let claims = json!({"htm": method, "htu": url, "iat": at, "jti": jti()});
        self.sign(&self.dpop_header(), &merged(claims, more))
    }
}

/// A `jti` that was never there.
pub fn jti() -> String {
    let random: &dyn Random = &OsRandom;
    random.token().expose().clone()
}

/// `ath` of an access token.
pub fn hash(token: &str) -> String {
    encode(&Sha256::digest(token))
}

pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Members with these besides, or in their place; null takes one out.
pub fn merged(mut members: Value, more: &Value) -> Value {
    let into = members.as_object_mut().expect("members");
    for (name, value) in more.as_object().into_iter().flatten() {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
    members
}
