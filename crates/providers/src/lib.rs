#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
pub mod adapter;
#[cfg(feature = "client")]
mod adapters;
#[cfg(feature = "client")]
pub mod address;
#[cfg(feature = "client")]
pub mod adopt;
#[cfg(feature = "client")]
pub mod answer;
pub mod api;
#[cfg(feature = "client")]
mod assertion;
#[cfg(feature = "client")]
pub mod authorize;
#[cfg(feature = "client")]
pub mod callback;
pub mod catalogue;
#[cfg(feature = "client")]
pub mod choice;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod completion;
pub mod definition;
#[cfg(feature = "client")]
pub mod discover;
#[cfg(feature = "client")]
pub mod dpop;
#[cfg(feature = "client")]
pub mod error;
#[cfg(feature = "client")]
pub mod exchange;
#[cfg(feature = "client")]
mod facts;
pub mod finding;
pub mod host;
#[cfg(feature = "client")]
pub mod http;
#[cfg(feature = "client")]
mod id_token;
#[cfg(feature = "client")]
mod identities;
#[cfg(feature = "client")]
pub mod identity;
#[cfg(feature = "client")]
pub mod import;
#[cfg(feature = "client")]
mod jwks;
#[cfg(feature = "client")]
mod kept;
pub mod lint;
#[cfg(feature = "client")]
mod mint;
#[cfg(feature = "client")]
mod oauth1;
#[cfg(feature = "client")]
pub mod proxy;
#[cfg(feature = "client")]
mod pushed;
#[cfg(feature = "client")]
pub mod refresh;
#[cfg(feature = "client")]
pub mod refusal;
#[cfg(feature = "client")]
pub mod request;
#[cfg(feature = "client")]
pub mod revoke;
mod schedule;
pub mod search;
#[cfg(feature = "client")]
pub mod shape;
pub mod source;
pub mod template;
#[cfg(feature = "client")]
mod tls;
pub mod variables;
#[cfg(feature = "client")]
pub mod verify;
#[cfg(feature = "client")]
pub mod webhook;

pub use catalogue::{Catalogue, Provider};
pub use definition::Definition;
#[cfg(feature = "client")]
pub use error::ProviderError;
