//! Bodies of the OAuth endpoints: forms, with each parameter once (RFC 6749 section 3.2).

use actix_web::{HttpRequest, http::header, web};
use futures_util::StreamExt as _;

use crate::{link::parameters::Parameters, oauth::error::OauthError};

/// The largest body that is read.
const MAX_BODY: usize = 64 * 1024;

/// Reads a form.
pub(crate) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
) -> Result<Parameters, OauthError> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    if kind.as_deref() != Some("application/x-www-form-urlencoded") {
        let why = "Send application/x-www-form-urlencoded.";
        return Err(OauthError::InvalidRequest(why.into()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_| OauthError::InvalidRequest("The body ended early.".into()))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(OauthError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let form = Parameters::parse(&body);
    form.each_once()?;
    Ok(form)
}

/// The value of a parameter that must be there.
pub(crate) fn required<'a>(
    form: &'a Parameters,
    name: &'static str,
) -> Result<&'a str, OauthError> {
    form.one(name)?
        .ok_or_else(|| OauthError::InvalidRequest(format!("{name} is missing.")))
}
