#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit that cannot go on stops the test"
)]

pub mod clock;
pub mod database;
pub mod lab;
pub mod log;
pub mod random;
pub mod real;
mod server;
pub mod witness;
