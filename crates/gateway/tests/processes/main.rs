//! The gateway as processes: several on one database, killed at any moment, and browsers that hang up.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod fleet;

mod hang_up;
mod kill;
mod libraries;
mod oauth;
mod oauth_client;
mod proxy;
mod races;
mod refresh;
mod seeded;
#[path = "../gateway/upstream.rs"]
mod upstream;
