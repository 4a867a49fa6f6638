//! Credentials: what providers granted. To be looked at; what must be opened, a gateway opens.

pub(crate) mod list;
pub(crate) mod show;
