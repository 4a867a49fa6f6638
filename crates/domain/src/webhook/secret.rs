//! What signs the deliveries of one endpoint.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroize as _;

use crate::{
    random::Random,
    secret::{Secret, SecretString},
};

const PREFIX: &str = "whsec_";

/// The secret of an endpoint: `whsec_` and 32 random bytes in base64, as Standard Webhooks
/// serialises symmetric secrets.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretString);

impl WebhookSecret {
    /// A fresh secret.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = random.bytes::<32>();
        let mut text = Base64::encode_string(&bytes);
        bytes.zeroize();
        let secret = Self(SecretString::new(format!("{PREFIX}{text}")));
        text.zeroize();
        secret
    }

    /// Reads a secret that was stored; `None` if it is none.
    pub fn parse(text: SecretString) -> Option<Self> {
        let secret = Self(text);
        secret.key().is_some().then_some(secret)
    }

    /// The text as its holder gets it.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The key of the signature: 24 to 64 bytes.
    pub fn key(&self) -> Option<Secret<Vec<u8>>> {
        let text = self.0.expose().strip_prefix(PREFIX)?;
        let key = Secret::new(Base64::decode_vec(text).ok()?);
        (24..=64).contains(&key.expose().len()).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_secret_reads_back() {
        let secret = WebhookSecret::generate(&OsRandom);
        let text = secret.secret().clone();
        assert!(text.expose().starts_with("whsec_") && text.expose().len() == 50);
        let read = WebhookSecret::parse(text).expect("a secret");
        let key = read.key().expect("a key");
        assert_eq!(key.expose().len(), 32);
        assert_eq!(
            key.expose(),
            secret.key().expect("a key").expose(),
            "the same"
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            "",
            "whsec_",
            "whsec_AAAA",
            "whsec_not base64!",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert!(WebhookSecret::parse(bad.into()).is_none(), "{bad}");
        }
    }
}
