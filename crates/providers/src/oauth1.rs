//! Signed requests (RFC 5849), for providers where the end user enters the four values of one.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap},
};
use sha1::Sha1;
use sha2::Sha256;
use url::Url;

use crate::{
    definition::SignatureMethod,
    error::ProviderError,
    facts::Facts,
    request::{self, unusable},
};

/// What makes a signature good for one request alone.
pub(crate) struct Once {
    pub(crate) nonce: String,
    pub(crate) at: DateTime<Utc>,
}

/// Adds the `Authorization` header of a signed request to `url`. Its query is signed, and so is its
/// body if that is a form (section 3.4.1.3.1).
pub(crate) fn sign(
    headers: &mut HeaderMap,
    method: &Method,
    url: &Url,
    form: &[u8],
    facts: &Facts<'_>,
    once: &Once,
) -> Result<(), ProviderError> {
    let rule = facts.definition.oauth1.as_ref();
    let rule = rule.ok_or_else(|| unusable("the definition says nothing of signatures"))?;
    let value = |name: &str| {
        let found = facts
            .name(name)
            .or_else(|| facts.name(&format!("secret.{name}")));
        found.ok_or_else(|| unusable(format!("there is no {name}")))
    };
    let name = match rule.signature_method {
        SignatureMethod::HmacSha1 => "HMAC-SHA1",
        SignatureMethod::HmacSha256 => "HMAC-SHA256",
    };
    let mut own = vec![
        ("oauth_consumer_key", value("consumer_key")?),
        ("oauth_nonce", once.nonce.clone()),
        ("oauth_signature_method", name.to_owned()),
        ("oauth_timestamp", once.at.timestamp().to_string()),
        ("oauth_token", value("token")?),
        ("oauth_version", "1.0".to_owned()),
    ];
    let key = format!(
        "{}&{}",
        encode(&value("consumer_secret")?),
        encode(&value("token_secret")?)
    );
    let base = base(method, url, form, &own);
    own.push((
        "oauth_signature",
        signature(rule.signature_method, &key, &base)?,
    ));
    let mut header = String::from("OAuth ");
    if let Some(realm) = &rule.realm {
        let realm = realm.fill(|name| facts.name(name)).map_err(unusable)?;
        let _ = write!(header, "realm=\"{}\", ", encode(&realm));
    }
    let pairs: Vec<String> = own
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", encode(value)))
        .collect();
    header.push_str(&pairs.join(", "));
    request::insert(headers, AUTHORIZATION.as_str(), &header)
}

/// Section 3.4.2, and the same with SHA-256.
fn signature(method: SignatureMethod, key: &str, base: &str) -> Result<String, ProviderError> {
    Ok(match method {
        SignatureMethod::HmacSha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).map_err(unusable)?;
            mac.update(base.as_bytes());
            Base64::encode_string(&mac.finalize().into_bytes())
        }
        SignatureMethod::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(unusable)?;
            mac.update(base.as_bytes());
            Base64::encode_string(&mac.finalize().into_bytes())
        }
    })
}

/// The signature base string (section 3.4.1).
fn base(method: &Method, url: &Url, form: &[u8], own: &[(&str, String)]) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .chain(url::form_urlencoded::parse(form))
        .map(|(name, value)| (encode(&name), encode(&value)))
        .chain(
            own.iter()
                .map(|(name, value)| (encode(name), encode(value))),
        )
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut address = url.clone();
    address.set_query(None);
    address.set_fragment(None);
    format!(
        "{}&{}&{}",
        method.as_str(),
        encode(address.as_str()),
        encode(&joined.join("&"))
    )
}

/// Section 3.6.
fn encode(text: &str) -> String {
    request::encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of section 3.4.1.1.
    #[test]
    fn the_base_string_is_the_standards() {
        let url = "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b";
        let own = [
            ("oauth_consumer_key", "9djdj82h48djs9d2".to_owned()),
            ("oauth_token", "kkk9d7dh3k39sjv7".to_owned()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", "137131201".to_owned()),
            ("oauth_nonce", "7d8f3e4a".to_owned()),
        ];
        let url = Url::parse(url).expect("url");
        assert_eq!(
            base(&Method::POST, &url, b"c2&a3=2+q", &own),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    /// The example of <https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature>.
    #[test]
    fn the_signature_is_the_vendors() {
        let url = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true";
        let form = b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21";
        let own = [
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog".to_owned()),
            (
                "oauth_nonce",
                "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg".to_owned(),
            ),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", "1318622958".to_owned()),
            (
                "oauth_token",
                "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb".to_owned(),
            ),
            ("oauth_version", "1.0".to_owned()),
        ];
        let url = Url::parse(url).expect("url");
        let base = base(&Method::POST, &url, form, &own);
        let key =
            "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw&LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE";
        assert_eq!(
            signature(SignatureMethod::HmacSha1, key, &base),
            Ok("hCtSmYh+iHYCEqBWrE7C7hYmtUk=".to_owned())
        );
    }
}
