//! Work in the background.

pub mod sweep;
