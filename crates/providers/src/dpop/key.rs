//! The key, and what it signs.

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
        EllipticCurveKeyType, Jwk, ThumbprintHash,
    },
};
use keyway_domain::{Random, SecretString, pem};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Proof;
use crate::{error::ProviderError, oauth1::Once, request::unusable};

/// Bytes of a coordinate, and of the private scalar.
const SIZE: usize = 32;
/// A scalar beyond the curve's order comes once in four thousand million times.
const TRIES: usize = 8;

/// An ES256 key. It is kept as a private JWK (RFC 7517), and shown nowhere but where the
/// credential's own secrets are.
pub struct ProofKey {
    text: SecretString,
    signing: EncodingKey,
    public: Jwk,
    thumbprint: String,
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProofKey({})", self.thumbprint)
    }
}

impl ProofKey {
    /// A new key.
    ///
    /// # Errors
    /// [`ProviderError::Unusable`]; not in a lifetime.
    pub fn generate(random: &dyn Random) -> Result<Self, ProviderError> {
        for _ in 0..TRIES {
            let scalar: [u8; SIZE] = random.bytes();
            let Ok(private) = PrivateKey::from_private_key(&ECDH_P256, &scalar) else {
                continue;
            };
            let public = private.compute_public_key().map_err(|_| bad())?;
            let (x, y) = coordinates(public.as_ref()).ok_or_else(bad)?;
            let encode = |bytes: &[u8; SIZE]| Base64UrlUnpadded::encode_string(bytes);
            let [d, x, y] = [&scalar, x, y].map(encode);
            let text = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d});
            return Self::read(&SecretString::new(text.to_string()));
        }
        Err(bad())
    }

    /// Reads a private JWK on P-256.
    ///
    /// # Errors
    /// [`ProviderError::Unusable`] if it is none, or its halves do not belong together.
    pub fn read(text: &SecretString) -> Result<Self, ProviderError> {
        let jwk: Value = serde_json::from_str(text.expose()).map_err(|_| bad())?;
        let member = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or_else(bad);
        if (member("kty")?, member("crv")?) != ("EC", "P-256") {
            return Err(bad());
        }
        let decoded = |name: &str| Base64UrlUnpadded::decode_vec(member(name)?).map_err(|_| bad());
        let mut point = vec![4];
        point.extend(decoded("x")?);
        point.extend(decoded("y")?);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &decoded("d")?,
            &point,
        );
        let pair = pair.map_err(|_| bad())?;
        let document = pair.to_pkcs8v1().map_err(|_| bad())?;
        let public = Jwk {
            common: CommonParameters::default(),
            algorithm: AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                key_type: EllipticCurveKeyType::EC,
                curve: EllipticCurve::P256,
                x: member("x")?.to_owned(),
                y: member("y")?.to_owned(),
            }),
        };
        Ok(Self {
            text: text.clone(),
            signing: EncodingKey::from_ec_der(document.as_ref()),
            thumbprint: public
                .thumbprint(ThumbprintHash::SHA256)
                .map_err(|_| bad())?,
            public,
        })
    }

    /// The key as it is kept.
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The key in PEM (RFC 5958), as a client's own is kept.
    pub(crate) fn pem(&self) -> SecretString {
        let body = Base64::encode_string(self.signing.as_bytes());
        let text = format!("-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----");
        pem::canonical(&SecretString::new(text))
    }

    /// Its thumbprint (RFC 7638): `dpop_jkt` (RFC 9449 section 10).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A proof for one request (RFC 9449 section 4.2).
    pub(super) fn prove(
        &self,
        of: &Proof<'_>,
        nonce: Option<&str>,
        once: &Once,
    ) -> Result<String, ProviderError> {
        let mut target = of.url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let mut claims = json!({
            "jti": once.nonce,
            "htm": of.method,
            "htu": target.as_str(),
            "iat": once.at.timestamp(),
        });
        let mut claim = |name: &str, value: String| {
            if let Some(claims) = claims.as_object_mut() {
                claims.insert(name.to_owned(), value.into());
            }
        };
        if let Some(token) = of.access_token {
            let digest = Sha256::digest(token.as_bytes());
            claim("ath", Base64UrlUnpadded::encode_string(&digest));
        }
        if let Some(nonce) = nonce {
            claim("nonce", nonce.to_owned());
        }
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".into());
        header.jwk = Some(self.public.clone());
        // The error may quote the key.
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|_| bad())
    }
}

fn bad() -> ProviderError {
    unusable("the key for DPoP cannot be used")
}

/// The coordinates of an uncompressed point (SEC 1 section 2.3.3).
fn coordinates(point: &[u8]) -> Option<(&[u8; SIZE], &[u8; SIZE])> {
    let (4, rest) = point.split_first()? else {
        return None;
    };
    let (x, y) = rest.split_first_chunk()?;
    Some((x, y.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use keyway_domain::random::OsRandom;

    use super::*;

    fn once() -> Once {
        Once {
            nonce: "jti-1".into(),
            at: chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a moment"),
        }
    }

    #[test]
    fn a_key_survives_being_kept() {
        let made = ProofKey::generate(&OsRandom).expect("a key");
        let read = ProofKey::read(made.text()).expect("the same");
        assert_eq!(made.thumbprint(), read.thumbprint());
        let other = ProofKey::generate(&OsRandom).expect("another");
        assert_ne!(made.thumbprint(), other.thumbprint());
        let d = made
            .text()
            .expose()
            .split('"')
            .nth(15)
            .expect("d")
            .to_owned();
        assert_eq!(d.len(), 43);
        assert!(!format!("{made:?}").contains(&d));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good: Value = serde_json::from_str(
            ProofKey::generate(&OsRandom)
                .expect("a key")
                .text()
                .expose(),
        )
        .expect("JSON");
        let other: Value = serde_json::from_str(
            ProofKey::generate(&OsRandom)
                .expect("a key")
                .text()
                .expose(),
        )
        .expect("JSON");
        for (name, value) in [
            ("kty", json!("RSA")),
            ("crv", json!("P-384")),
            ("d", other["d"].clone()),
            ("x", json!("!")),
            ("y", Value::Null),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(
                ProofKey::read(&SecretString::new(bad.to_string())).is_err(),
                "{name}"
            );
        }
        assert!(ProofKey::read(&"".into()).is_err());
    }

    /// The examples of RFC 9449 sections 4.3, 7 and 10.
    #[test]
    fn thumbprint_and_digest_are_the_standards_own() {
        let public: Jwk = serde_json::from_value(json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        }))
        .expect("a JWK");
        let key = ProofKey {
            thumbprint: public.thumbprint(ThumbprintHash::SHA256).expect("a digest"),
            ..ProofKey::generate(&OsRandom).expect("a key")
        };
        assert_eq!(
            key.thumbprint(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
        let (_, claims) = proven(
            &key,
            Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
            None,
        );
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }

    #[test]
    fn a_proof_is_of_one_request() {
        let key = ProofKey::generate(&OsRandom).expect("a key");
        let (header, claims) = proven(&key, None, Some("nonce-1"));
        assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
        assert_eq!(
            claims,
            json!({
                "jti": "jti-1",
                "htm": "POST",
                "htu": "https://api.example/a%20b",
                "iat": 1_800_000_000,
                "nonce": "nonce-1",
            })
        );
        let jwk = serde_json::to_value(header.jwk.expect("a key")).expect("JSON");
        assert_eq!(jwk["kty"], "EC");
        assert_eq!(jwk.get("d"), None, "the private half");
    }

    /// A proof of `key`, verified with the key that it carries.
    fn proven(key: &ProofKey, token: Option<&str>, nonce: Option<&str>) -> (Header, Value) {
        let url = "https://api.example/a%20b?c=d#e".parse().expect("a URL");
        let proof = Proof {
            key,
            access_token: token,
            method: "POST",
            url: &url,
        };
        let proof = key.prove(&proof, nonce, &once()).expect("a proof");
        let header = jsonwebtoken::decode_header(&proof).expect("a header");
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        let jwk = header.jwk.clone().expect("a key");
        let verifying = DecodingKey::from_jwk(&jwk).expect("a key");
        let read = jsonwebtoken::decode::<Value>(&proof, &verifying, &rules).expect("signed");
        (header, read.claims)
    }
}
