//! Passwords of admins: argon2id, off the event loop, a few at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use keyway_domain::{random::Random, secret::SecretString};
use tokio::sync::Semaphore;

/// Hashes and verifies passwords with the argon2id parameters that OWASP and RFC 9106 advise
/// (19 MiB, 2 passes), in threads of their own.
///
/// At most two at a time: each costs some 18 ms of a core and 19 MiB, and a flood of sign-ins must
/// exhaust neither.
#[derive(Debug, Clone)]
pub struct PasswordHasher {
    slots: Arc<Semaphore>,
    decoy: Arc<str>,
}

/// Hashing failed: the task was stopped or a stored hash is malformed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct PasswordError(String);

const AT_ONCE: usize = 2;

impl PasswordHasher {
    /// A hasher with its two places.
    ///
    /// # Errors
    /// [`PasswordError`] if argon2 does not work at all.
    pub fn new(random: &dyn Random) -> Result<Self, PasswordError> {
        let decoy = hash(&SecretString::from("decoy"), &random.bytes::<16>())?;
        Ok(Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            decoy: decoy.into(),
        })
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(
        &self,
        password: SecretString,
        random: &dyn Random,
    ) -> Result<String, PasswordError> {
        let salt = random.bytes::<16>();
        self.off_loop(move || hash(&password, &salt)).await
    }

    /// Whether `password` is the one behind `stored`. Without a stored hash (nobody of that name)
    /// it takes the same time and answers `false`.
    ///
    /// # Errors
    /// [`PasswordError`] if the stored hash is malformed.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<&str>,
    ) -> Result<bool, PasswordError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).to_owned();
        self.off_loop(move || {
            let hash = PasswordHash::new(&stored).map_err(failed)?;
            let matches = Argon2::default()
                .verify_password(password.expose().as_bytes(), &hash)
                .is_ok();
            Ok(matches && known)
        })
        .await
    }

    async fn off_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        // The permit moves into the thread: a caller who hangs up does not free a place that is still in use.
        let permit = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(failed)?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(failed)?
    }
}

fn hash(password: &SecretString, salt: &[u8]) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), salt)
        .map(|hash| hash.to_string())
        .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::random::OsRandom;

    #[tokio::test]
    async fn verifies_only_the_right_password() {
        let hasher = PasswordHasher::new(&OsRandom).expect("hasher");
        let stored = hasher
            .hash("correct horse".into(), &OsRandom)
            .await
            .expect("hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            hasher
                .verify("correct horse".into(), Some(&stored))
                .await
                .expect("works")
        );
        assert!(
            !hasher
                .verify("wrong horse".into(), Some(&stored))
                .await
                .expect("works")
        );
        assert!(!hasher.verify("decoy".into(), None).await.expect("works"));
        assert!(hasher.verify("x".into(), Some("garbage")).await.is_err());
    }
}
