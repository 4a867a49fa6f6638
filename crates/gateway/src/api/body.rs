//! Request bodies: JSON objects of bounded size.

use actix_web::{HttpRequest, http::header, web};
use futures_util::StreamExt as _;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Number, Value};

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
    // serde would take an array for a struct, member by member.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::Malformed("The body is not a JSON object.".into()));
    }
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

/// For a member that is an object: serde would take an array as well.
pub(crate) fn object<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let members = Option::<Map<String, Value>>::deserialize(deserializer)?;
    let value = members.map_or(Value::Null, Value::Object);
    serde_json::from_value(value).map_err(|_| D::Error::custom("not the documented members"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "integer")]
        count: Option<i64>,
        #[serde(default, deserialize_with = "object")]
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        name: String,
    }

    fn read(text: &str) -> Option<Body> {
        parse(text.as_bytes()).ok()
    }

    #[test]
    fn an_integer_may_be_written_as_a_float() {
        let of = |count| Some(Body { count, inner: None });
        assert_eq!(read(r#"{"count": 7}"#), of(Some(7)));
        assert_eq!(read(r#"{"count": 7.0}"#), of(Some(7)));
        assert_eq!(read(r#"{"count": null}"#), of(None));
        for wrong in ["7.5", "1e300", "\"7\"", "[7]"] {
            assert_eq!(read(&format!(r#"{{"count": {wrong}}}"#)), None, "{wrong}");
        }
    }

    #[test]
    fn an_array_is_no_object() {
        assert!(read(r#"{"inner": {"name": "x"}}"#).is_some());
        for wrong in ["[]", " [7, null]", r#"{"inner": ["x"]}"#, "7"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_body_that_may_be_absent_may_be_null() {
        for absent in ["", "null", "{}"] {
            let read: Result<Body, _> = parse_or_default(absent.as_bytes());
            assert_eq!(read.ok(), Some(Body::default()), "{absent}");
        }
        assert!(parse_or_default::<Body>(b"[]").is_err());
    }
}
