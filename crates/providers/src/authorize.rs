//! The authorization request to a provider (RFC 6749 section 4.1.1).

use std::collections::BTreeMap;

use keyway_domain::{
    authorization_session::ProviderState, opaque::OpaqueToken as _, pkce::CodeChallenge,
    scope::Scopes,
};
use url::Url;

use crate::{
    Definition,
    definition::Pkce,
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
}

/// The URL to send the browser to. Each parameter stands in it once.
///
/// # Errors
/// [`ProviderError::Unusable`] if a variable is missing or leads to another host.
pub fn standard(
    definition: &Definition,
    request: &AuthorizationRequest<'_>,
) -> Result<Url, ProviderError> {
    let authorize = &definition.authorize;
    let variable = |name: &str| definition.variable_value(request.variables, name);
    let mut url = request::url(definition, &authorize.url, variable)?;
    let mut parameters: BTreeMap<&str, String> = BTreeMap::new();
    for (name, template) in &authorize.parameters {
        parameters.insert(name, template.fill(variable).map_err(unusable)?);
    }
    parameters.insert("response_type", authorize.response_type.clone());
    parameters.insert(&authorize.client_id_parameter, request.client_id.to_owned());
    parameters.insert("redirect_uri", request.redirect_uri.to_owned());
    parameters.insert("state", request.state.secret().expose().clone());
    if !authorize.scope_parameter.is_empty() {
        parameters.insert(
            &authorize.scope_parameter,
            request.scopes.join(&authorize.scope_separator),
        );
    }
    if let Some(mode) = &authorize.response_mode {
        parameters.insert("response_mode", mode.clone());
    }
    if authorize.pkce != Pkce::None {
        parameters.insert("code_challenge", request.challenge.as_str().to_owned());
        parameters.insert("code_challenge_method", "S256".to_owned());
    }
    if let Some(nonce) = request.nonce {
        parameters.insert("nonce", nonce.to_owned());
    }
    // A parameter of ours replaces one of the same name in the definition's URL.
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !parameters.contains_key(name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    Ok(url)
}

impl Definition {
    /// The scopes that an authorization request carries: those asked for, and those without which
    /// Keyway cannot do its part.
    pub fn with_mandatory(&self, scopes: &Scopes) -> Scopes {
        let mandatory =
            Scopes::from_list(self.authorize.mandatory_scopes.iter().map(String::as_str));
        scopes.clone().and(&mandatory.unwrap_or_default())
    }

    /// The scopes asked for by default.
    pub fn default_scopes(&self) -> Scopes {
        Scopes::from_list(self.authorize.default_scopes.iter().map(String::as_str))
            .unwrap_or_default()
    }

    /// Whether a flow with these scopes yields an `id_token` that a nonce should bind.
    pub fn wants_nonce(&self, scopes: &Scopes) -> bool {
        self.callback.issuer.is_some() && scopes.as_slice().iter().any(|scope| scope == "openid")
    }
}
