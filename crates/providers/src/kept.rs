//! What a grant still knows, long after its flow.

use std::collections::BTreeMap;

use keyway_domain::{credential::GrantSecrets, secret::SecretString, token_set::TokenSet};
use serde_json::{Map, Value};

use crate::{Definition, source::Root};

/// The tokens; what the token endpoint once said lives on in the public properties.
pub(crate) fn tokens(public: &Map<String, Value>, secrets: &GrantSecrets) -> (Value, TokenSet) {
    let access = secrets.access_token.clone().unwrap_or_default();
    let tokens = TokenSet {
        access_token: SecretString::new(access),
        token_type: None,
        refresh_token: secrets.refresh_token.clone().map(SecretString::new),
        expires_at: None,
        refresh_expires_at: None,
        scope: None,
        id_token: None,
    };
    (Value::Object(public.clone()), tokens)
}

/// What the end user entered, by the variables' names.
pub(crate) fn entered(
    definition: &Definition,
    secrets: &GrantSecrets,
) -> BTreeMap<String, SecretString> {
    let hidden = definition.variables.iter().filter(|(_, rule)| rule.secret);
    let known = hidden.filter_map(|(name, _)| {
        let (property, _) = definition.credential.property_of(Root::Secret, name)?;
        let value = secrets.properties.get(property)?.as_str()?;
        Some((name.clone(), SecretString::from(value)))
    });
    known.collect()
}
