#![doc = include_str!("../README.md")]

pub mod assets;
pub mod client_ip;
pub mod config;
pub mod cookie;
pub mod health;
pub mod log;
pub mod origin;
pub mod page;
pub mod server;
pub mod telemetry;
pub mod throttle;

pub use config::{ConfigError, Settings};
