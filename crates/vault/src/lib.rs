#![doc = include_str!("../README.md")]

#[cfg(feature = "open")]
pub mod certificate;
pub mod digest;
mod envelope;
#[cfg(feature = "open")]
pub mod jws;
#[cfg(feature = "open")]
pub mod key_ring;
pub mod password;
pub mod public_keys;
#[cfg(feature = "open")]
pub mod seal;
pub mod sealer;
#[cfg(feature = "open")]
pub mod signing;
#[cfg(feature = "open")]
pub mod webhook_signature;

#[cfg(feature = "open")]
pub use key_ring::KeyRing;
pub use password::PasswordHasher;
pub use public_keys::PublicKeys;
#[cfg(feature = "open")]
pub use seal::OpenError;
pub use sealer::{SealError, Sealer};
