//! Ids in paths.

use std::{fmt::Display, str::FromStr};

use actix_web::HttpRequest;

use crate::api::error::ApiError;

/// The `{id}` of the path, in its one usual spelling.
///
/// # Errors
/// [`ApiError::NotFound`]: what cannot be an id is nobody's.
pub(crate) fn id<T: FromStr + Display>(
    request: &HttpRequest,
    what: &'static str,
) -> Result<T, ApiError> {
    named(request, "id", what)
}

/// An id of the path that is not the only one.
///
/// # Errors
/// [`ApiError::NotFound`]: what cannot be an id is nobody's.
pub(crate) fn named<T: FromStr + Display>(
    request: &HttpRequest,
    name: &str,
    what: &'static str,
) -> Result<T, ApiError> {
    let text = request.match_info().query(name);
    text.parse::<T>()
        .ok()
        .filter(|id| id.to_string() == text.to_ascii_lowercase())
        .ok_or(ApiError::NotFound(what))
}
