//! Work in the background.

pub mod revoke;
pub mod sweep;
