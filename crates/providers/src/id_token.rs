//! Claims of an `id_token` that came straight from the token endpoint.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{Jwk, KeyAlgorithm},
};
use serde_json::Value;
use url::Url;

use crate::{definition::IdToken, error::ProviderError, http::HttpClient};

/// What the claims must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: Option<&'a str>,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: DateTime<Utc>,
}

/// How far another's clock may be off.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// A token of this flow was not made before it began.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);

fn untrusted(why: &str) -> ProviderError {
    ProviderError::Untrusted(format!("id_token: {why}"))
}

/// Checks who signed a token, by the keys at `jwks`.
pub(crate) async fn check_signature(
    http: &HttpClient,
    rule: &IdToken,
    jwks: &Url,
    token: &str,
) -> Result<(), ProviderError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| untrusted("not a signed JWT"))?;
    let mut allowed = rule.algorithms.iter().copied().map(Algorithm::from);
    if !allowed.any(|allowed| allowed == header.alg) {
        return Err(untrusted("alg is none that this provider signs with"));
    }
    if header.crit.is_some() {
        return Err(untrusted("its header has extensions that are critical"));
    }
    let keys = http.keys.signing(http, jwks, header.kid.as_deref()).await?;
    if keys.iter().any(|key| signs(key, header.alg, token)) {
        Ok(())
    } else if keys.is_empty() {
        Err(untrusted("kid is none of this provider's keys"))
    } else {
        Err(untrusted("the signature is wrong"))
    }
}

/// Whether this key signed it. What the claims say is checked elsewhere.
fn signs(key: &Jwk, algorithm: Algorithm, token: &str) -> bool {
    let named = key.common.key_algorithm;
    if named.is_some_and(|named| named != KeyAlgorithm::from(algorithm)) {
        return false;
    }
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let Ok(key) = DecodingKey::from_jwk(key) else {
        return false;
    };
    jsonwebtoken::decode::<Value>(token, &key, &rules).is_ok()
}

/// Reads and checks the claims (OpenID Connect Core 3.1.3.7). The token came over TLS from the
/// endpoint of the definition, which by that section's rule 6 stands in for a signature where the
/// definition names no keys.
pub(crate) fn claims(token: &str, expected: &Expected<'_>) -> Result<Value, ProviderError> {
    let claims = payload(token).ok_or_else(|| untrusted("not a JWT"))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if let Some(issuer) = expected.issuer
        && text("iss") != Some(issuer)
    {
        return Err(untrusted("iss is not this provider's issuer"));
    }
    check_audience(&claims, expected.client_id)?;
    let ends = moment(&claims, "exp");
    if ends.is_none_or(|ends| ends + LEEWAY < expected.now) {
        return Err(untrusted("expired"));
    }
    match moment(&claims, "iat") {
        Some(at) if at - LEEWAY > expected.now => return Err(untrusted("iat is yet to come")),
        Some(at) if at + MAX_AGE < expected.now => return Err(untrusted("iat is long past")),
        None if expected.issuer.is_some() => return Err(untrusted("iat is missing")),
        _ => {}
    }
    if let Some(nonce) = expected.nonce
        && text("nonce") != Some(nonce)
    {
        return Err(untrusted("nonce is not the one we sent"));
    }
    Ok(claims)
}

/// Rules 3 to 5: for us, and where it is for others too, made for us.
fn check_audience(claims: &Value, client_id: &str) -> Result<(), ProviderError> {
    let (is_for_us, is_for_others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client_id, false),
        Some(Value::Array(many)) => (many.iter().any(|one| one == client_id), many.len() > 1),
        _ => (false, false),
    };
    if !is_for_us {
        return Err(untrusted("aud is not this app"));
    }
    match claims.get("azp") {
        Some(party) if party != client_id => Err(untrusted("azp is not this app")),
        None if is_for_others => Err(untrusted("aud names others, and azp nobody")),
        _ => Ok(()),
    }
}

/// When a token says that it ends, if it is a JWT. Unverified: good for planning ahead and for
/// nothing else.
pub(crate) fn expiry(token: &str) -> Option<DateTime<Utc>> {
    (token.matches('.').count() == 2).then(|| moment(&payload(token)?, "exp"))?
}

fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}

fn moment(claims: &Value, name: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(claims.get(name)?.as_i64()?, 0)
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

    fn good() -> Value {
        json!({
            "iss": "https://issuer.example", "aud": ["client"], "exp": 1_800_000_300,
            "iat": 1_800_000_000, "nonce": "nonce",
        })
    }

    #[track_caller]
    fn assert_refused(claims: &Value) {
        let checked = check(claims);
        let is_refused = matches!(checked, Err(ProviderError::Untrusted(_)));
        assert!(is_refused, "{claims}");
    }

    #[test]
    fn each_claim_is_checked() {
        assert!(check(&good()).is_ok());
        for (name, bad) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("exp", json!(1_799_999_000)),
            ("iat", json!(1_800_000_100)),
            ("nonce", json!("other")),
        ] {
            for value in [bad, Value::Null] {
                let mut claims = good();
                claims[name] = value;
                assert_refused(&claims);
            }
        }
    }

    #[test]
    fn a_token_of_another_time_is_refused() {
        let mut claims = good();
        for (iat, is_good) in [
            (1_800_000_060, true),
            (1_799_996_400, true),
            (1_799_996_399, false),
        ] {
            claims["iat"] = json!(iat);
            assert_eq!(check(&claims).is_ok(), is_good, "{iat}");
        }
    }

    #[test]
    fn a_token_for_others_too_names_us_as_its_party() {
        for (aud, azp, is_good) in [
            (json!("client"), json!("client"), true),
            (json!(["client", "other"]), json!("client"), true),
            (json!(["client", "other"]), Value::Null, false),
            (json!(["client", "other"]), json!("other"), false),
            (json!("client"), json!("other"), false),
            (json!("client"), json!(["client"]), false),
        ] {
            let mut claims = good();
            claims["aud"] = aud;
            claims["azp"] = azp;
            if claims["azp"].is_null() {
                claims.as_object_mut().expect("an object").remove("azp");
            }
            assert_eq!(check(&claims).is_ok(), is_good, "{claims}");
        }
    }
}
