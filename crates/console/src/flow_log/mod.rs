//! The flow log: each attempt to connect, and what became of it.

pub(crate) mod list;
pub(crate) mod outcome;
pub(crate) mod show;
mod timeline;
