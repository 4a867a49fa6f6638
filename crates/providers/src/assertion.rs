//! Assertions that a key signs (RFC 7523): a client's proof, and what tokens are minted with.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keyway_domain::secret::SecretString;
use serde_json::{Map, Value, json};

use crate::{error::ProviderError, oauth1::Once, request::unusable};

/// `client_assertion_type` (RFC 7523 section 2.2).
pub(crate) const CLIENT_ASSERTION_TYPE: &str =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a client's proof is good for.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// A client's proof for one request: `private_key_jwt`, or `client_secret_jwt` where the key is no
/// PEM (OpenID Connect Core section 9).
pub(crate) fn of_client(
    client_id: &str,
    key: &SecretString,
    audience: &str,
    once: &Once,
) -> Result<String, ProviderError> {
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": once.nonce,
        "iat": once.at.timestamp(),
        "exp": (once.at + LIFE).timestamp(),
    });
    let (algorithm, key) = if key.expose().contains("-----BEGIN ") {
        any_key(key)?
    } else {
        let secret = EncodingKey::from_secret(key.expose().as_bytes());
        (Algorithm::HS256, secret)
    };
    sign(&Header::new(algorithm), &claims, &key)
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

fn sign(header: &Header, claims: &Value, key: &EncodingKey) -> Result<String, ProviderError> {
    // The error may quote the key.
    jsonwebtoken::encode(header, claims, key).map_err(|_| unusable("the key does not sign"))
}

fn key_of(algorithm: Algorithm, key: &SecretString) -> Result<EncodingKey, ProviderError> {
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
    let usual = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let found = usual.into_iter().find_map(|algorithm| {
        let read = key_of(algorithm, key).ok()?;
        // A PEM does not always tell its kind: what signs is the kind.
        sign(&Header::new(algorithm), &json!({}), &read).ok()?;
        Some((algorithm, read))
    });
    found.ok_or_else(|| unusable("the app's secret is no private key in PEM"))
}
