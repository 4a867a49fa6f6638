//! Who asks: the holder of an API token.

use actix_web::{HttpRequest, http::header};
use chrono::{DateTime, Utc};
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    opaque::Digest,
};
use keyway_store::FoundApiToken;
use keyway_vault::digest;

use crate::{App, api::error::ApiError};

/// The digest of the token that a request presents (RFC 6750 section 2.1).
pub(crate) fn presented(request: &HttpRequest) -> Result<Digest<ApiToken>, ApiError> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ApiError::Unauthorized);
    };
    let (scheme, text) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or(ApiError::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::Unauthorized);
    }
    let token = ApiToken::parse(text.trim()).ok_or(ApiError::Unauthorized)?;
    Ok(digest::unkeyed(&token))
}

/// The token of the request, if it is good now and may do this.
pub(crate) async fn authorize(
    app: &App,
    request: &HttpRequest,
    scope: ApiScope,
    now: DateTime<Utc>,
) -> Result<FoundApiToken, ApiError> {
    let found = authenticate(app, request, now).await?;
    if found.allows(scope) {
        Ok(found)
    } else {
        Err(ApiError::Forbidden(scope.as_str()))
    }
}

/// The token of the request, if it is good now.
pub(crate) async fn authenticate(
    app: &App,
    request: &HttpRequest,
    now: DateTime<Utc>,
) -> Result<FoundApiToken, ApiError> {
    let found = app.store.find_api_token(presented(request)?, now).await?;
    let found = found.ok_or(ApiError::Unauthorized)?;
    app.used_tokens.note(found.id);
    Ok(found)
}
