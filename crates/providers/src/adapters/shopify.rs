//! Shopify signs its callback: an HMAC over the sorted parameters, which no table can say.
//! <https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant>

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyway_domain::secret::SecretString;
use sha2::Sha256;

use crate::{adapter::Adapter, callback::CallbackParameters, error::ProviderError};

#[derive(Debug)]
pub(crate) struct Shopify;

/// How old a signed callback may be, as Shopify's own library has it.
const MAX_AGE: TimeDelta = TimeDelta::seconds(90);

impl Adapter for Shopify {
    fn verify_callback(
        &self,
        parameters: &CallbackParameters,
        client_secret: &SecretString,
        variables: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), ProviderError> {
        let untrusted = |why: &str| Err(ProviderError::Untrusted(why.into()));
        if !is_signed(parameters, client_secret) {
            return untrusted("hmac does not match");
        }
        let signed_at = parameters
            .get("timestamp")
            .and_then(|text| text.parse::<i64>().ok())
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        if signed_at.is_none_or(|at| (now - at).abs() > MAX_AGE) {
            return untrusted("the signed timestamp is more than 90 seconds off");
        }
        if parameters.get("shop") != variables.get("shop").map(String::as_str) {
            return untrusted("the callback is for another shop");
        }
        Ok(())
    }
}

/// All parameters but `hmac` and `signature`, sorted, joined as `k=v&k=v`, HMAC-SHA256 in hex.
fn is_signed(parameters: &CallbackParameters, secret: &SecretString) -> bool {
    let mut signed: Vec<String> = parameters
        .iter()
        .filter(|(name, _)| !matches!(*name, "hmac" | "signature"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    signed.sort();
    let Some(received) = parameters.get("hmac").and_then(from_hex) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(signed.join("&").as_bytes());
    // In constant time.
    mac.verify_slice(&received).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32)
        .map(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_STATE: &str = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&state=0.6784241404160823&timestamp=1337178173&hmac=700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf";
    const WITHOUT_STATE: &str = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&timestamp=1337178173&hmac=4712bf92ffc2917d15a2f5a273e39f0116667419aa4b6ac0b3baaf26fa3c4d20";

    fn verify(query: &str, shop: &str, at: i64) -> Result<(), ProviderError> {
        let parameters = CallbackParameters::parse(query.as_bytes()).expect("query");
        let variables = BTreeMap::from([("shop".to_owned(), shop.to_owned())]);
        let now = DateTime::from_timestamp(at, 0).expect("moment");
        Shopify.verify_callback(&parameters, &"hush".into(), &variables, now)
    }

    #[test]
    fn vendors_vectors_verify() {
        for query in [WITH_STATE, WITHOUT_STATE] {
            assert_eq!(
                verify(query, "some-shop.myshopify.com", 1_337_178_200),
                Ok(())
            );
        }
    }

    #[test]
    fn edited_old_and_foreign_callbacks_are_refused() {
        let shop = "some-shop.myshopify.com";
        let at = 1_337_178_200;
        for edited in [
            WITH_STATE.replace("shop=some", "shop=other"),
            WITH_STATE.replace("hmac=700e", "hmac=800e"),
            WITH_STATE.replace("&hmac=", "&unsigned="),
            format!("{WITH_STATE}&extra=1"),
        ] {
            assert!(verify(&edited, shop, at).is_err(), "{edited}");
        }
        assert!(verify(WITH_STATE, shop, at + 3600).is_err());
        assert!(verify(WITH_STATE, "other.myshopify.com", at).is_err());
    }
}
