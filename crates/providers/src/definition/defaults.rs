//! What need not be said.

use std::collections::BTreeMap;

pub(super) fn space() -> String {
    " ".into()
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn refresh_token() -> String {
    "refresh_token".into()
}

/// The provider's name for a standard parameter; none if it is left out.
pub(super) fn parameter<'a>(
    rename: &'a BTreeMap<String, String>,
    omit: &[String],
    standard: &'a str,
) -> Option<&'a str> {
    if omit.iter().any(|omitted| omitted == standard) {
        return None;
    }
    Some(rename.get(standard).map_or(standard, String::as_str))
}
