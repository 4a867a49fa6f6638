//! `/v1/link-sessions`: hosted pages for one end user and one connection.

pub(crate) mod create;
pub(crate) mod find;
mod offer;
