//! Entity tags (RFC 9110 sections 8.8.3 and 13.1.1): `"7"` is the seventh revision of a row.

use actix_web::{HttpRequest, http::header};
use utoipa::IntoParams;

use crate::api::error::ApiError;

/// The header of every change that can be made under a condition.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "what the document says; `expected` reads it")]
pub(crate) struct IfMatch {
    /// The `ETag` that was read: another is refused with 412, as somebody else has changed it since.
    #[param(rename = "If-Match", example = "\"7\"")]
    tag: Option<String>,
}

/// The entity tag of a revision.
pub(crate) fn tag(revision: i64) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"{revision}\""))
}

/// The revision that `If-Match` demands; none without the header, or with `*`.
///
/// A tag that is none of ours matches nothing, as any other revision does.
pub(crate) fn expected(request: &HttpRequest) -> Result<Option<i64>, ApiError> {
    let mut values = request.headers().get_all(header::IF_MATCH);
    let (Some(value), next) = (values.next(), values.next()) else {
        return Ok(None);
    };
    if next.is_some() {
        return Err(ApiError::Malformed("If-Match is repeated.".into()));
    }
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|digits| digits.parse().ok())
        .map(Some)
        .ok_or(ApiError::PreconditionFailed)
}
