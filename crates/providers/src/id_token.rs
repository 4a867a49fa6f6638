//! Claims of an `id_token` that came straight from the token endpoint.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::ProviderError;

/// What the claims must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: DateTime<Utc>,
}

/// How far another's clock may be off.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Reads and checks the claims (OpenID Connect Core 3.1.3.7). The token came over TLS from the
/// endpoint of the definition, which stands in for the signature by that section's rule 6.
pub(crate) fn claims(token: &str, expected: &Expected<'_>) -> Result<Value, ProviderError> {
    let untrusted = |why: &str| ProviderError::Untrusted(format!("id_token: {why}"));
    let claims = payload(token).ok_or_else(|| untrusted("not a JWT"))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if let Some(issuer) = expected.issuer
        && text("iss") != Some(issuer)
    {
        return Err(untrusted("iss is not this provider's issuer"));
    }
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one == expected.client_id,
        Some(Value::Array(many)) => many.iter().any(|one| one == expected.client_id),
        _ => false,
    };
    if !audience {
        return Err(untrusted("aud is not this app"));
    }
    let ends = ends_at(&claims);
    if ends.is_none_or(|ends| ends + LEEWAY < expected.now) {
        return Err(untrusted("expired"));
    }
    if let Some(nonce) = expected.nonce
        && text("nonce") != Some(nonce)
    {
        return Err(untrusted("nonce is not the one we sent"));
    }
    Ok(claims)
}

/// When a token says that it ends, if it is a JWT. Unverified: good for planning ahead and for
/// nothing else.
pub(crate) fn expiry(token: &str) -> Option<DateTime<Utc>> {
    (token.matches('.').count() == 2).then(|| ends_at(&payload(token)?))?
}

fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}

fn ends_at(claims: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(claims.get("exp")?.as_i64()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(claims_json: &Value) -> Result<Value, ProviderError> {
        let token = format!(
            "e30.{}.sig",
            Base64UrlUnpadded::encode_string(claims_json.to_string().as_bytes())
        );
        let expected = Expected {
            issuer: Some("https://issuer.example"),
            client_id: "client",
            nonce: Some("nonce"),
            now: DateTime::from_timestamp(1_800_000_000, 0).expect("moment"),
        };
        claims(&token, &expected)
    }

    #[test]
    fn each_claim_is_checked() {
        let good = json!({"iss": "https://issuer.example", "aud": ["client"], "exp": 1_800_000_300, "nonce": "nonce"});
        assert!(check(&good).is_ok());
        for (name, bad) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("exp", json!(1_799_999_000)),
            ("nonce", json!("other")),
        ] {
            for value in [bad, Value::Null] {
                let mut claims = good.clone();
                claims[name] = value;
                assert!(
                    matches!(check(&claims), Err(ProviderError::Untrusted(_))),
                    "{claims}"
                );
            }
        }
    }
}
