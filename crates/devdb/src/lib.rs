#![doc = include_str!("../README.md")]

mod account;
mod address;
mod binaries;
mod cluster;
mod data_dir;
mod error;
mod keeper;
mod log;
mod options;
mod postmaster;
mod scratch;

pub use binaries::Binaries;
pub use cluster::Cluster;
pub use error::DevDbError;
pub use options::Options;
