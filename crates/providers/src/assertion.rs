//! Assertions that a key signs (RFC 7523): a client's proof, and what tokens are minted with.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::TimeDelta;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, OctetKeyPairParameters,
        OctetKeyPairType, PublicKeyUse, ThumbprintHash,
    },
};
use keyway_domain::{pem, secret::SecretString};
use serde_json::{Map, Value, json};

use crate::{
    client::Client, definition::SigningAlgorithm, error::ProviderError, oauth1::Once,
    request::unusable,
};

/// `client_assertion_type` (RFC 7523 section 2.2).
pub(crate) const CLIENT_ASSERTION_TYPE: &str =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a client's proof is good for.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// A client's proof for one request: `private_key_jwt`, or `client_secret_jwt` where the key is no
/// PEM (OpenID Connect Core section 9).
pub(crate) fn of_client(
    client: &Client<'_>,
    audience: &str,
    (algorithm, key_id): (Option<SigningAlgorithm>, Option<String>),
    once: &Once,
) -> Result<String, ProviderError> {
    let claims = json!({
        "iss": client.id,
        "sub": client.id,
        "aud": audience,
        "jti": once.nonce,
        "iat": once.at.timestamp(),
        "exp": (once.at + LIFE).timestamp(),
    });
    if !pem::is_pem(client.secret) {
        let key = EncodingKey::from_secret(client.secret.expose().as_bytes());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = key_id;
        return sign(&header, &claims, &key);
    }
    let (algorithm, key) = private(client.secret, algorithm)?;
    let mut header = Header::new(algorithm);
    header.kid = match key_id {
        // The key was registered without a name, and some servers find it by none.
        Some(named) if named.is_empty() => None,
        Some(named) => Some(named),
        None => Some(named(&public(&key, algorithm)?)?),
    };
    sign(&header, &claims, &key)
}

/// The public half of a client's key (RFC 7517), by the name that its assertions give it.
pub(crate) fn public_key(
    key: &SecretString,
    algorithm: Option<SigningAlgorithm>,
    key_id: Option<String>,
) -> Result<Jwk, ProviderError> {
    let (algorithm, key) = private(key, algorithm)?;
    let mut jwk = public(&key, algorithm)?;
    jwk.common.key_id = match key_id.filter(|named| !named.is_empty()) {
        Some(named) => Some(named),
        None => Some(named(&jwk)?),
    };
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

fn public(key: &EncodingKey, algorithm: Algorithm) -> Result<Jwk, ProviderError> {
    if algorithm == Algorithm::EdDSA {
        return public_ed25519(key);
    }
    Jwk::from_encoding_key(key, algorithm).map_err(|_| unusable("the key has no public half"))
}

/// The library reads the public half only where the file does not hold it besides (RFC 5958).
fn public_ed25519(key: &EncodingKey) -> Result<Jwk, ProviderError> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes());
    let pair = pair.map_err(|_| unusable("the key has no public half"))?;
    Ok(Jwk {
        common: CommonParameters {
            key_algorithm: Some(Algorithm::EdDSA.into()),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: Base64UrlUnpadded::encode_string(pair.public_key().as_ref()),
        }),
    })
}

/// A key's thumbprint (RFC 7638).
fn named(jwk: &Jwk) -> Result<String, ProviderError> {
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256);
    thumbprint.map_err(|_| unusable("the key has no thumbprint"))
}

fn private(
    key: &SecretString,
    algorithm: Option<SigningAlgorithm>,
) -> Result<(Algorithm, EncodingKey), ProviderError> {
    match algorithm {
        Some(algorithm) => {
            let algorithm = algorithm.into();
            Ok((algorithm, key_of(algorithm, key)?))
        }
        None => any_key(key),
    }
}

/// Signs these claims with a private key in PEM.
pub(crate) fn signed(
    algorithm: &str,
    key_id: Option<String>,
    claims: Map<String, Value>,
    key: &SecretString,
) -> Result<String, ProviderError> {
    let algorithm: Algorithm = algorithm
        .parse()
        .map_err(|_| unusable("unknown algorithm"))?;
    let key = key_of(algorithm, key)?;
    let mut header = Header::new(algorithm);
    header.kid = key_id;
    sign(&header, &Value::Object(claims), &key)
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::RS256 => Self::RS256,
            SigningAlgorithm::RS384 => Self::RS384,
            SigningAlgorithm::RS512 => Self::RS512,
            SigningAlgorithm::PS256 => Self::PS256,
            SigningAlgorithm::PS384 => Self::PS384,
            SigningAlgorithm::PS512 => Self::PS512,
            SigningAlgorithm::ES256 => Self::ES256,
            SigningAlgorithm::ES384 => Self::ES384,
            SigningAlgorithm::EdDSA => Self::EdDSA,
        }
    }
}

fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> Result<String, ProviderError> {
    // The error may quote the key.
    jsonwebtoken::encode(header, claims, key).map_err(|_| unusable("the key does not sign"))
}

fn key_of(algorithm: Algorithm, key: &SecretString) -> Result<EncodingKey, ProviderError> {
    let key = pem::canonical(key);
    let pem = key.expose().as_bytes();
    let read = match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => EncodingKey::from_rsa_pem(pem),
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        _ => {
            return Err(unusable("a private key signs with RS, PS, ES or EdDSA"));
        }
    };
    read.map_err(|_| unusable("the private key is no PEM of its algorithm"))
}

/// The key, whichever kind it is, and the algorithm that goes with it.
fn any_key(key: &SecretString) -> Result<(Algorithm, EncodingKey), ProviderError> {
    let usual = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ];
    let found = usual.into_iter().find_map(|algorithm| {
        let read = key_of(algorithm, key).ok()?;
        // A PEM does not always tell its kind: what signs is the kind.
        sign(&Header::new(algorithm), &json!({}), &read).ok()?;
        Some((algorithm, read))
    });
    found.ok_or_else(|| unusable("the app's secret is no private key in PEM"))
}
