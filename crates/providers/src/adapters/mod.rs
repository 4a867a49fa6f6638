//! The providers that data cannot describe, one file each.

mod shopify;

use crate::adapter::{Adapter, Standard};

/// The adapter of a provider: its own, or the standard flow.
pub(crate) fn of(slug: &str) -> &'static dyn Adapter {
    match slug {
        "shopify" => &shopify::Shopify,
        _ => &Standard,
    }
}
