//! Work in the background.

pub(crate) mod back_off;
pub(crate) mod fresh;
pub mod jobs;
pub(crate) mod refresh;
pub mod refresher;
pub mod revoke;
pub mod sweep;
pub mod used_tokens;
pub(crate) mod verify;
