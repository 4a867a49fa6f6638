//! Work in the background.

pub mod sweep;
pub mod webhooks;
