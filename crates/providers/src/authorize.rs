//! The authorization request to a provider (RFC 6749 section 4.1.1).

use std::collections::BTreeMap;

use keyway_domain::{
    authorization_session::ProviderState, opaque::OpaqueToken as _, pkce::CodeChallenge,
    scope::Scopes, secret::SecretString,
};
use url::Url;

use crate::{
    Definition,
    definition::Pkce,
    dpop,
    error::ProviderError,
    request::{self, unusable},
};

/// What goes into an authorization request.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// The provider's client id.
    pub client_id: &'a str,
    /// Our callback.
    pub redirect_uri: &'a str,
    /// Our state.
    pub state: &'a ProviderState,
    /// Our challenge; sent where the provider takes one.
    pub challenge: &'a CodeChallenge,
    /// Our nonce; sent where the provider is OpenID Connect and `openid` is asked for.
    pub nonce: Option<&'a str>,
    /// Scopes to ask for.
    pub scopes: &'a Scopes,
    /// The provider's variables, checked.
    pub variables: &'a BTreeMap<String, String>,
    /// The key that the tokens are to be bound to ([`Definition::new_proof_key`]).
    pub proof_key: Option<&'a SecretString>,
}

/// The URL to send the browser to. Each parameter stands in it once.
///
/// # Errors
/// [`ProviderError::Unusable`] if a variable is missing or leads to another host.
pub fn standard(
    definition: &Definition,
    request: &AuthorizationRequest<'_>,
) -> Result<Url, ProviderError> {
    let (mut url, parameters) = parameters(definition, request)?;
    url.query_pairs_mut().clear().extend_pairs(parameters);
    Ok(url)
}

/// The endpoint, and the parameters of the request, by the provider's names.
pub(crate) fn parameters(
    definition: &Definition,
    request: &AuthorizationRequest<'_>,
) -> Result<(Url, Vec<(String, String)>), ProviderError> {
    let authorize = definition
        .authorize
        .as_ref()
        .ok_or_else(|| unusable("accounts of this provider are connected with a key"))?;
    let variable = |name: &str| match name {
        "client_id" => Some(request.client_id.to_owned()),
        _ => definition.variable_value(request.variables, name),
    };
    let url = request::url(definition, &authorize.url, variable)?;
    let mut parameters: BTreeMap<&str, String> = BTreeMap::new();
    for (name, template) in &authorize.parameters {
        parameters.insert(name, template.fill(variable).map_err(unusable)?);
    }
    let mut standard = |name, value| {
        if let Some(name) = authorize.parameter(name) {
            parameters.insert(name, value);
        }
    };
    standard("response_type", "code".to_owned());
    standard("client_id", request.client_id.to_owned());
    standard("redirect_uri", request.redirect_uri.to_owned());
    standard("state", request.state.secret().expose().clone());
    standard("scope", request.scopes.join(&authorize.scope_separator));
    if let Some(mode) = &authorize.response_mode {
        standard("response_mode", mode.clone());
    }
    if let Some(resource) = &authorize.resource {
        standard("resource", resource.fill(variable).map_err(unusable)?);
    }
    if authorize.pkce != Pkce::None {
        standard("code_challenge", request.challenge.as_str().to_owned());
        standard("code_challenge_method", "S256".to_owned());
    }
    if let Some(nonce) = request.nonce {
        standard("nonce", nonce.to_owned());
    }
    if let Some(key) = dpop::of_request(definition, request.proof_key)? {
        standard("dpop_jkt", key.thumbprint().to_owned());
    }
    // A parameter of ours replaces one of the same name in the definition's URL.
    let mut all: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !parameters.contains_key(name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let own = parameters
        .into_iter()
        .filter(|(_, value)| !value.is_empty());
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok((url, all))
}
