//! The one source of randomness.

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::secret::SecretString;

/// Fills buffers with unpredictable bytes. Passed in everywhere, so that tests can seed it.
pub trait Random: std::fmt::Debug + Send + Sync {
    /// Overwrites `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

impl dyn Random + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// 256 random bits as 43 base64url characters.
    pub fn token(&self) -> SecretString {
        SecretString::new(Base64UrlUnpadded::encode_string(&self.bytes::<32>()))
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no answer is safe: stop at once"
    )]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system has no randomness");
    }
}
