//! Request bodies: JSON objects of bounded size.

use actix_web::{HttpRequest, http::header, web};
use futures_util::StreamExt as _;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Number;

use crate::api::error::ApiError;

/// The largest body that is read.
const LIMIT: usize = 256 * 1024;

/// The body, read to its end. A request without one yields no bytes.
///
/// # Errors
/// [`ApiError::ContentType`] unless it says that it is JSON, [`ApiError::TooLarge`], and
/// [`ApiError::Malformed`] if it ends early.
pub(crate) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("The body ended early.".into()))?;
        if body.len() + chunk.len() > LIMIT {
            return Err(ApiError::TooLarge(LIMIT));
        }
        body.extend_from_slice(&chunk);
    }
    if body.is_empty() || is_json(request) {
        Ok(body)
    } else {
        Err(ApiError::ContentType)
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    text.and_then(|text| text.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The body as what the endpoint documents.
///
/// # Errors
/// [`ApiError::Malformed`]. What serde says may quote the body, and the body may hold a secret: the
/// answer names the place alone.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::Malformed(if error.is_data() {
            format!(
                "The body does not have the documented fields and types: see line {}, column {}.",
                error.line(),
                error.column()
            )
        } else {
            "The body is not JSON.".into()
        })
    })
}

/// The same where the whole body may be absent: then, and if it is `null`, all is as if no member was
/// there.
///
/// # Errors
/// As of [`parse`].
pub(crate) fn parse_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    Ok(parse::<Option<T>>(body)?.unwrap_or_default())
}

/// For a member that is an integer in the sense of JSON Schema: `1.0` is one too.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let whole = number.as_f64().filter(|float| float.fract() == 0.0);
    number
        .as_i64()
        .or_else(|| format!("{:.0}", whole?).parse().ok())
        .map(Some)
        .ok_or_else(|| D::Error::custom("not an integer"))
}

/// For a member that may be absent, `null`, or there: all three mean something else.
#[expect(clippy::option_option, reason = "absent, null, or there")]
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
