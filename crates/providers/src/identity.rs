//! Whose the tokens are: the provider's own calls.

use crate::{answer, error::ProviderError, facts::Facts, http::HttpClient, request};

/// Makes the definition's identity calls in order; each answer is known to those after it.
pub(crate) async fn standard(
    http: &HttpClient,
    facts: &mut Facts<'_>,
) -> Result<(), ProviderError> {
    for call in &facts.definition.identity {
        let answer = request::send(http, &call.request, facts).await?;
        let value = answer::called(&answer, &call.request, &facts.redaction())?;
        facts.identity.insert(call.name.clone(), value);
    }
    Ok(())
}
