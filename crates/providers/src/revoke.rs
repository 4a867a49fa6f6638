//! Ending a grant at the provider (RFC 7009, or the vendor's own way).

use crate::{answer, error::ProviderError, facts::Facts, http::HttpClient, request};

/// Revokes the grant; `false` if the provider has no way.
///
/// # Errors
/// [`ProviderError`] with the provider's own words.
pub(crate) async fn standard(http: &HttpClient, facts: &Facts<'_>) -> Result<bool, ProviderError> {
    let Some(call) = &facts.definition.revoke else {
        return Ok(false);
    };
    let answer = http.send(request::call(call, facts)?).await?;
    answer::ended(&answer, call, &facts.redaction())?;
    Ok(true)
}
