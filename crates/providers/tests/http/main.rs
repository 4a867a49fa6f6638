//! The one HTTP client, against servers that mean ill.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests; what fails here fails the test"
)]

mod addresses;
mod bounds;
mod hosts;
mod once;
mod origin;
mod webhook;
