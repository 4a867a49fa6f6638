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
pub mod authorize;
#[cfg(feature = "client")]
pub mod callback;
pub mod catalogue;
pub mod definition;
#[cfg(feature = "client")]
pub mod error;
#[cfg(feature = "client")]
pub mod exchange;
#[cfg(feature = "client")]
mod facts;
pub mod host;
#[cfg(feature = "client")]
pub mod http;
#[cfg(feature = "client")]
mod id_token;
#[cfg(feature = "client")]
pub mod identity;
#[cfg(feature = "client")]
pub mod import;
pub mod lint;
#[cfg(feature = "client")]
pub mod proxy;
pub mod refresh;
#[cfg(feature = "client")]
pub mod request;
#[cfg(feature = "client")]
pub mod revoke;
#[cfg(feature = "client")]
pub mod shape;
pub mod source;
pub mod template;
pub mod variables;

pub use catalogue::{Catalogue, Provider};
pub use definition::Definition;
#[cfg(feature = "client")]
pub use error::ProviderError;
