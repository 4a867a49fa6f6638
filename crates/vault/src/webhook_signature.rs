//! Signatures of webhook deliveries (Standard Webhooks, version 1, symmetric).

use base64ct::{Base64, Encoding as _};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyway_domain::{ids::EventId, webhook::WebhookSecret};
use sha2::Sha256;

/// The value of `webhook-signature` for a delivery of this event at this moment: `v1,` and the
/// HMAC-SHA256 of id, timestamp and body, one for each secret, so that a receiver may hold the old
/// one or the new one while a rotation is under way.
///
/// The id has no full stop in it: no other id and timestamp read alike.
pub fn signature<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    id: EventId,
    at: DateTime<Utc>,
    body: &[u8],
) -> String {
    let signatures: Vec<String> = secrets
        .into_iter()
        .filter_map(|secret| one(secret, id, at, body))
        .collect();
    signatures.join(" ")
}

fn one(secret: &WebhookSecret, id: EventId, at: DateTime<Utc>, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.key()?.expose()).ok()?;
    mac.update(format!("{id}.{}.", at.timestamp()).as_bytes());
    mac.update(body);
    Some(format!(
        "v1,{}",
        Base64::encode_string(&mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::random::OsRandom;
    use standardwebhooks::Webhook;

    /// What the reference library makes of it.
    fn reference(secret: &WebhookSecret, id: EventId, at: DateTime<Utc>, body: &[u8]) -> String {
        let library = Webhook::new(secret.secret().expose()).expect("a secret");
        library
            .sign(&id.to_string(), at.timestamp(), body)
            .expect("signed")
    }

    #[test]
    fn the_reference_library_signs_the_same() {
        let at = DateTime::from_timestamp(1_800_000_000, 999_999_999).expect("a moment");
        let id = EventId::generate(at, &OsRandom);
        let (new, old) = (
            WebhookSecret::generate(&OsRandom),
            WebhookSecret::generate(&OsRandom),
        );
        let body = "{\"type\":\"credential.created\",\"name\":\"\u{fc}\"}".as_bytes();
        assert_eq!(
            signature([&new], id, at, body),
            reference(&new, id, at, body)
        );
        let both = format!(
            "{} {}",
            reference(&new, id, at, body),
            reference(&old, id, at, body)
        );
        assert_eq!(signature([&new, &old], id, at, body), both);
    }
}
