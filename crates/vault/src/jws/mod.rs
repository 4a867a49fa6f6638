//! Signed JSON Web Tokens of others, read strictly (RFC 7515, compact; RFC 8725): what a client or a
//! stranger sends is measured before it is parsed, and parsed before it is believed.

mod key;
mod unique;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::Algorithm as Implemented;
use serde_json::{Map, Value};

pub use key::{InvalidKey, KeySet, PublicKey};

use unique::object;

/// The longest token that is looked at, in bytes: one that holds a key of 4,096 bits has fewer.
const MAX_TOKEN: usize = 8 * 1024;

/// An algorithm of other people's signatures: asymmetric, and none that is `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every name on the wire, as metadata lists them (RFC 8414).
    pub const NAMES: [&'static str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

    fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            // RFC 9864 names the curve; the older name means the same here.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    fn implemented(self) -> Implemented {
        match self {
            Self::Es256 => Implemented::ES256,
            Self::Rs256 => Implemented::RS256,
            Self::Ps256 => Implemented::PS256,
            Self::EdDsa => Implemented::EdDSA,
        }
    }
}

/// Why a token is not looked at any further: fixed words, which quote nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Over 8 kB.
    #[error("the token is too long")]
    Long,
    /// Not three parts in base64url.
    #[error("the token is not a compact JWS")]
    Form,
    /// A part is not a JSON object with each member once.
    #[error("a part of the token is not a JSON object with each member once")]
    Json,
    /// `none`, symmetric, or unknown.
    #[error("the algorithm is not an asymmetric one that is taken here")]
    Algorithm,
    /// `crit`, or `b64` (RFC 7797).
    #[error("the header asks for an extension")]
    Extension,
    /// A header is of another type.
    #[error("a header of the token is of the wrong type")]
    Header,
    /// The signature is another's.
    #[error("the signature does not fit")]
    Signature,
}

/// A token whose form is good, and whose signature nobody has checked yet.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    signed: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn parse(token: &'a str) -> Result<Self, InvalidToken> {
        if token.len() > MAX_TOKEN {
            return Err(InvalidToken::Long);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidToken::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(InvalidToken::Form)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(InvalidToken::Form);
        }
        let header = object(&decode(header)?).ok_or(InvalidToken::Json)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(InvalidToken::Extension);
        }
        let name = header.get("alg").and_then(Value::as_str);
        let algorithm = name
            .and_then(Algorithm::parse)
            .ok_or(InvalidToken::Algorithm)?;
        for text in ["typ", "kid"] {
            if header.get(text).is_some_and(|value| !value.is_string()) {
                return Err(InvalidToken::Header);
            }
        }
        Ok(Self {
            signed,
            signature,
            algorithm,
            claims: object(&decode(claims)?).ok_or(InvalidToken::Json)?,
            header,
        })
    }

    /// What it is signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A header that is a text: `typ` or `kid`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim that is a text, which nobody has checked: to find the key that checks it.
    pub fn unverified_text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// The key that it brings along: for a proof of possession (RFC 9449), and for nothing else.
    ///
    /// # Errors
    /// [`InvalidKey`] if it brings none, or a private one.
    pub fn embedded_key(&self) -> Result<PublicKey, InvalidKey> {
        PublicKey::parse(self.header.get("jwk").ok_or(InvalidKey::Form)?)
    }

    /// The claims, if this key signed them.
    ///
    /// # Errors
    /// [`InvalidToken::Signature`].
    pub fn verify(self, key: &PublicKey) -> Result<Claims, InvalidToken> {
        if key.fits(self.algorithm)
            && jsonwebtoken::crypto::verify(
                self.signature,
                self.signed.as_bytes(),
                key.decoding(),
                self.algorithm.implemented(),
            )
            .is_ok_and(|fits| fits)
        {
            Ok(Claims(self.claims))
        } else {
            Err(InvalidToken::Signature)
        }
    }
}

/// Claims that were signed.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A `NumericDate` (RFC 7519 section 2), in whole seconds; `None` also for what is no date.
    pub fn date(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        let whole = || {
            let seconds = value.as_f64()?.trunc();
            // The year 9999: beyond it lies nothing that anybody means.
            (0.0..=253_402_300_799.0)
                .contains(&seconds)
                .then(|| format!("{seconds:.0}").parse().ok())
                .flatten()
        };
        value.as_i64().or_else(whole)
    }

    /// Whether a claim is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The values of `aud`: one text, or a list of them; empty if it is neither.
    pub fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                texts.unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// All of them.
    pub fn all(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    Base64UrlUnpadded::decode_vec(part).map_err(|_| InvalidToken::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{PrivateKey, SigningAlgorithm};
    use serde_json::json;

    fn token(header: &str, claims: &str) -> String {
        let [header, claims] =
            [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
        format!("{header}.{claims}.AAAA")
    }

    #[test]
    fn what_is_signed_reads_back_and_what_was_changed_does_not() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
            let key = PrivateKey::generate(algorithm).expect("a key");
            let public = PublicKey::parse(key.public_jwk()).expect("public");
            let token = key
                .sign("JWT", None, &json!({"sub": "a", "exp": 12.5}))
                .expect("signed");
            let read = Unverified::parse(&token).expect("a token");
            assert_eq!(read.header("typ"), Some("JWT"));
            let claims = read.verify(&public).expect("ours");
            assert_eq!(
                (claims.text("sub"), claims.date("exp")),
                (Some("a"), Some(12))
            );
            let other = PrivateKey::generate(algorithm).expect("a key");
            let other = PublicKey::parse(other.public_jwk()).expect("public");
            let read = Unverified::parse(&token).expect("a token");
            assert_eq!(read.verify(&other).err(), Some(InvalidToken::Signature));
            let (signed, signature) = token.rsplit_once('.').expect("parts");
            let swapped = format!("{}.{signature}", signed.replacen('e', "f", 1));
            assert!(Unverified::parse(&swapped).map_or(true, |read| read.verify(&public).is_err()));
        }
    }

    #[test]
    fn what_is_malformed_is_refused_by_its_form() {
        let good = r#"{"alg":"ES256"}"#;
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(1500), "]".repeat(1500));
        for (bad, why) in [
            ("x".repeat(MAX_TOKEN + 1), InvalidToken::Long),
            (String::new(), InvalidToken::Form),
            ("a.b".into(), InvalidToken::Form),
            ("e30.e30.e30.e30".into(), InvalidToken::Form),
            ("e30.e30.".into(), InvalidToken::Form),
            ("e30=.e30.AAAA".into(), InvalidToken::Form),
            (token("[]", "{}"), InvalidToken::Json),
            (token(good, "[]"), InvalidToken::Json),
            (token(good, &deep), InvalidToken::Json),
            (token(good, r#"{"sub":"a","sub":"b"}"#), InvalidToken::Json),
            (token(good, r#"{"a":{"b":1,"b":2}}"#), InvalidToken::Json),
            (token(good, r#"{"exp":1e999}"#), InvalidToken::Json),
            (
                token(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
                InvalidToken::Json,
            ),
            (token("{}", "{}"), InvalidToken::Algorithm),
            (token(r#"{"alg":"none"}"#, "{}"), InvalidToken::Algorithm),
            (token(r#"{"alg":"HS256"}"#, "{}"), InvalidToken::Algorithm),
            (token(r#"{"alg":"es256"}"#, "{}"), InvalidToken::Algorithm),
            (token(r#"{"alg":["ES256"]}"#, "{}"), InvalidToken::Algorithm),
            (
                token(r#"{"alg":"ES256","crit":["exp"]}"#, "{}"),
                InvalidToken::Extension,
            ),
            (
                token(r#"{"alg":"ES256","b64":false}"#, "{}"),
                InvalidToken::Extension,
            ),
            (
                token(r#"{"alg":"ES256","kid":7}"#, "{}"),
                InvalidToken::Header,
            ),
            (
                token(r#"{"alg":"ES256","typ":{}}"#, "{}"),
                InvalidToken::Header,
            ),
        ] {
            assert_eq!(Unverified::parse(&bad).err(), Some(why), "{bad}");
        }
    }

    #[test]
    fn dates_beyond_all_dates_are_none() {
        let read = |text: &str| Claims(object(text.as_bytes()).expect("claims")).date("exp");
        assert_eq!(read(r#"{"exp":1e300}"#), None);
        assert_eq!(read(r#"{"exp":-1.5}"#), None);
        assert_eq!(read(r#"{"exp":"1"}"#), None);
        assert_eq!(read(r#"{"exp":1e9}"#), Some(1_000_000_000));
    }
}
