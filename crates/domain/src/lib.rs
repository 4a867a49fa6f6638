#![doc = include_str!("../README.md")]

pub mod account;
pub mod api_token;
pub mod audit;
pub mod authorization_code;
pub mod authorization_session;
pub mod client_settings;
pub mod clock;
pub mod credential;
pub mod event;
pub mod freshness;
pub mod health;
pub mod ids;
pub mod job;
pub mod json;
pub mod metadata;
pub mod oauth_app;
pub mod oauth_error;
pub mod opaque;
pub mod pem;
pub mod pkce;
pub mod provider;
pub mod random;
pub mod redirect_uri;
pub mod revocation;
pub mod scope;
pub mod sealed;
pub mod secret;
pub mod token_set;
pub mod webhook;

pub use clock::Clock;
pub use random::Random;
pub use secret::{Secret, SecretString};
