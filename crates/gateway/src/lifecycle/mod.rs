//! Work in the background.

pub mod reseal;
pub mod sweep;
