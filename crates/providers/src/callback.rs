//! What a provider sends back through the browser.

use std::collections::BTreeMap;

use crate::{Definition, error::ProviderError, request::unusable, variables::whole};

/// The parameters of a callback, each once.
#[derive(Clone)]
pub struct CallbackParameters(Vec<(String, String)>);

impl std::fmt::Debug for CallbackParameters {
    /// Names only: the values are codes and states.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// A parameter came twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter {0:?} is repeated")]
pub struct Repeated(pub String);

impl CallbackParameters {
    /// Reads a query or a form (RFC 6749 section 3.1: no parameter twice).
    ///
    /// # Errors
    /// [`Repeated`] names the parameter.
    pub fn parse(encoded: &[u8]) -> Result<Self, Repeated> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Repeated(name.into_owned()));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// No parameters, where there was no callback.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// A parameter's value; an empty one counts as absent (RFC 6749 section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The issuer that this definition expects.
///
/// # Errors
/// [`ProviderError::Unusable`] if a variable is missing.
pub fn issuer(
    definition: &Definition,
    variables: &BTreeMap<String, String>,
) -> Result<Option<String>, ProviderError> {
    let Some(template) = &definition.callback.issuer else {
        return Ok(None);
    };
    let filled = template.fill(|name| definition.variable_value(variables, name));
    filled.map(Some).map_err(unusable)
}

/// Checks `iss` (RFC 9207 section 2.4): equal to the issuer if it is there, and there if the
/// provider is known to send it.
///
/// # Errors
/// [`ProviderError::Untrusted`].
pub fn check_issuer(
    definition: &Definition,
    variables: &BTreeMap<String, String>,
    parameters: &CallbackParameters,
) -> Result<(), ProviderError> {
    let Some(expected) = issuer(definition, variables)? else {
        return Ok(());
    };
    match parameters.get("iss") {
        Some(received) if received == expected => Ok(()),
        Some(_) => Err(ProviderError::Untrusted(
            "iss is not this provider's issuer".into(),
        )),
        None if definition.callback.issuer_required => Err(ProviderError::Untrusted(
            "iss is missing, and this provider sends it".into(),
        )),
        None => Ok(()),
    }
}

/// Takes the provider's own parameters from a callback, checked.
///
/// # Errors
/// [`ProviderError::Malformed`] if one is missing or outside its pattern.
pub fn capture(
    definition: &Definition,
    parameters: &CallbackParameters,
) -> Result<BTreeMap<String, String>, ProviderError> {
    let mut captured = BTreeMap::new();
    for (name, parameter) in &definition.callback.parameters {
        let good =
            |value: &str| whole(&parameter.pattern).is_some_and(|pattern| pattern.is_match(value));
        match parameters.get(name) {
            Some(value) if good(value) => {
                captured.insert(name.clone(), value.to_owned());
            }
            None if !parameter.required => {}
            Some(_) => {
                return Err(ProviderError::Malformed(format!(
                    "callback parameter {name} has another form"
                )));
            }
            None => {
                return Err(ProviderError::Malformed(format!(
                    "callback parameter {name} is missing"
                )));
            }
        }
    }
    Ok(captured)
}
