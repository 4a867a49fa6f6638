//! The standard OAuth endpoints.

mod assertion;
mod authorize;
mod certificate;
mod client;
mod code;
mod dpop;
mod exchange;
mod hostile;
mod metadata;
mod proof;
mod pushed;
mod refresh;
mod resource;
mod settings;
mod tokens;
