//! Credentials from elsewhere, and on their way out: what the API and the operator's command share.

pub mod export;
pub mod import;
pub mod nango;
