//! The one HTTP client, against servers that mean ill.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests; what fails here fails the test"
)]

mod addresses;
mod assertions;
mod bounds;
mod discover;
mod dpop;
mod hosts;
mod once;
mod origin;
mod pushed;
mod signed;
mod webhook;
