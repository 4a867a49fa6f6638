//! Public keys of others (RFC 7517).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::jws::Algorithm;

/// Members of a private or a symmetric key (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The most keys of one client: two of each kind, for a rotation, and some to spare.
const MAX_KEYS: usize = 10;
/// A modulus of 2,048 to 4,096 bits: no shorter one is safe, and a longer one costs too much.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// 65,537 and below: a huge exponent makes each check as dear as a signature.
const MAX_EXPONENT: usize = 3;

/// Why a key is none: fixed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a JWK.
    #[error("not a JSON Web Key")]
    Form,
    /// It gives away its private half, or is a shared secret.
    #[error("a private key: send the public half alone")]
    Private,
    /// Neither P-256, nor Ed25519, nor RSA of 2,048 to 4,096 bits.
    #[error("a key must be P-256, Ed25519, or RSA of 2,048 to 4,096 bits")]
    Kind,
    /// Not a set of keys.
    #[error("a key set is {{\"keys\": [...]}} with 1 to 10 keys, each with another `kid`")]
    Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P256,
    Rsa,
    Ed25519,
}

/// A public key that can check signatures.
#[derive(Clone)]
pub struct PublicKey {
    kind: Kind,
    id: Option<String>,
    algorithm: Option<String>,
    thumbprint: String,
    decoding: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint)
    }
}

impl PublicKey {
    /// Reads a JWK.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn parse(jwk: &Value) -> Result<Self, InvalidKey> {
        let members = jwk.as_object().ok_or(InvalidKey::Form)?;
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(InvalidKey::Private);
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(InvalidKey::Form),
        };
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(InvalidKey::Kind);
        }
        let bytes = |name: &str| {
            let decoded = text(name)?.map(Base64UrlUnpadded::decode_vec);
            decoded.transpose().ok().flatten().ok_or(InvalidKey::Form)
        };
        let member = |name: &str| text(name).ok().flatten().unwrap_or_default();
        let (kind, canonical, decoding) = match (text("kty")?, text("crv")?) {
            (Some("EC"), Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(InvalidKey::Form);
                }
                let canonical = format!(
                    r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                    member("x"),
                    member("y")
                );
                let key = DecodingKey::from_ec_components(member("x"), member("y"));
                (Kind::P256, canonical, key)
            }
            (Some("OKP"), Some("Ed25519")) => {
                if bytes("x")?.len() != 32 {
                    return Err(InvalidKey::Form);
                }
                let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, member("x"));
                (
                    Kind::Ed25519,
                    canonical,
                    DecodingKey::from_ed_components(member("x")),
                )
            }
            (Some("RSA"), None) => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                if !MODULUS.contains(&modulus.len())
                    || !(1..=MAX_EXPONENT).contains(&exponent.len())
                {
                    return Err(InvalidKey::Kind);
                }
                let canonical = format!(
                    r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
                    member("e"),
                    member("n")
                );
                let key = DecodingKey::from_rsa_components(member("n"), member("e"));
                (Kind::Rsa, canonical, key)
            }
            _ => return Err(InvalidKey::Kind),
        };
        Ok(Self {
            kind,
            id: text("kid")?.map(str::to_owned),
            algorithm: text("alg")?.map(str::to_owned),
            thumbprint: Base64UrlUnpadded::encode_string(&Sha256::digest(canonical)),
            decoding: decoding.map_err(|_| InvalidKey::Form)?,
        })
    }

    /// SHA-256 of its canonical form, in base64url (RFC 7638).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether it can have made a signature of this algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Es256 => Kind::P256,
            Algorithm::Rs256 | Algorithm::Ps256 => Kind::Rsa,
            Algorithm::EdDsa => Kind::Ed25519,
        };
        let named = self.algorithm.as_deref();
        self.kind == kind && named.is_none_or(|name| Algorithm::parse(name) == Some(algorithm))
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// The keys of a client (RFC 7517 section 5).
#[derive(Debug, Clone)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`InvalidKey`]: of the set, or of one of its keys.
    pub fn parse(set: &Value) -> Result<Self, InvalidKey> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys
            .filter(|keys| (1..=MAX_KEYS).contains(&keys.len()))
            .ok_or(InvalidKey::Set)?;
        let keys: Vec<PublicKey> = keys
            .iter()
            .map(PublicKey::parse)
            .collect::<Result<_, _>>()?;
        let is_twice = |key: &PublicKey| {
            let alike = |other: &&PublicKey| key.id.is_some() && other.id == key.id;
            keys.iter().filter(alike).count() > 1
        };
        if keys.iter().any(is_twice) {
            return Err(InvalidKey::Set);
        }
        Ok(Self(keys))
    }

    /// The keys that may have signed a token with this `kid` and algorithm. A `kid` is compared,
    /// and never looked up anywhere.
    pub fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a PublicKey> {
        self.0.iter().filter(move |key| {
            let named = kid.is_none_or(|kid| key.id.as_deref().unwrap_or(key.thumbprint()) == kid);
            named && key.fits(algorithm)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rfc_7638_section_3_1() {
        let key = PublicKey::parse(&json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
        }))
        .expect("a key");
        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        assert!(key.fits(Algorithm::Rs256) && !key.fits(Algorithm::Ps256));
        assert!(!key.fits(Algorithm::Es256));
    }

    #[test]
    fn what_is_no_safe_public_key_is_refused() {
        let x = "A".repeat(43);
        let n = |bytes: usize| Base64UrlUnpadded::encode_string(&vec![0xff; bytes]);
        for (bad, why) in [
            (json!("x"), InvalidKey::Form),
            (json!({"kty": "oct", "k": "AAAA"}), InvalidKey::Private),
            (
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": x, "d": x}),
                InvalidKey::Private,
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": x}),
                InvalidKey::Form,
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
                InvalidKey::Form,
            ),
            (
                json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
                InvalidKey::Kind,
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": x, "use": "enc"}),
                InvalidKey::Kind,
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": x, "kid": 1}),
                InvalidKey::Form,
            ),
            (
                json!({"kty": "RSA", "n": n(128), "e": "AQAB"}),
                InvalidKey::Kind,
            ),
            (
                json!({"kty": "RSA", "n": n(2048), "e": "AQAB"}),
                InvalidKey::Kind,
            ),
            (
                json!({"kty": "RSA", "n": n(256), "e": n(255)}),
                InvalidKey::Kind,
            ),
        ] {
            assert_eq!(PublicKey::parse(&bad).err(), Some(why), "{bad}");
        }
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a"});
        assert!(KeySet::parse(&json!({"keys": [key]})).is_ok());
        for bad in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": [key, key]}),
            json!({"keys": vec![json!({"kty": "OKP", "crv": "Ed25519", "x": x}); 11]}),
        ] {
            assert_eq!(KeySet::parse(&bad).err(), Some(InvalidKey::Set), "{bad}");
        }
    }
}
