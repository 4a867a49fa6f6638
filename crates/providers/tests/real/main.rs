//! Providers on real authorization servers, as strict as they can be made.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod certificates;
mod nonces;
mod world;
