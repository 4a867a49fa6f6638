//! From answers to a credential's properties.

use keyway_domain::credential::{ExternalAccount, Properties};
use serde_json::Value;

use crate::{
    definition::{Cast, Property},
    error::ProviderError,
    facts::Facts,
    source::{Source, text},
    variables::whole,
};

/// The external account and the properties that the definition describes.
pub(crate) fn credential(
    facts: &Facts<'_>,
) -> Result<(ExternalAccount, Properties), ProviderError> {
    let shape = &facts.definition.credential;
    let id = first_text(facts, &shape.external_id)
        .ok_or_else(|| ProviderError::Malformed("nothing in it names the account".into()))?;
    let mut properties = Properties::default();
    for (name, property) in &shape.properties {
        match value(facts, property) {
            Some(value) if property.secret => properties.secret.insert(name.clone(), value),
            Some(mut value) => {
                drop_nul(&mut value);
                properties.public.insert(name.clone(), value);
            }
            None if property.optional => {}
            None => {
                return Err(ProviderError::Malformed(format!(
                    "nothing in it gives {name}"
                )));
            }
        }
    }
    let external = ExternalAccount {
        id: without_nul(&id),
        label: first_text(facts, &shape.external_label).map(|label| without_nul(&label)),
    };
    Ok((external, properties))
}

/// Postgres takes no NUL in texts and JSON; a provider that sends one loses it, not its user.
fn drop_nul(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_nul(text),
        Value::Array(items) => items.iter_mut().for_each(drop_nul),
        Value::Object(members) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    drop_nul(&mut value);
                    (without_nul(&name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

fn first_text(facts: &Facts<'_>, sources: &[Source]) -> Option<String> {
    sources.iter().find_map(|source| text(&facts.find(source)?))
}

fn value(facts: &Facts<'_>, property: &Property) -> Option<Value> {
    let found = property.from.iter().find_map(|source| facts.find(source))?;
    cast(property, found)
}

/// Brings what was found to the property's type; none if it cannot be.
pub(crate) fn cast(property: &Property, found: Value) -> Option<Value> {
    if let Some(pattern) = &property.matches {
        let matched = whole(pattern)?.is_match(&text(&found)?);
        return Some(Value::Bool(matched != property.negate));
    }
    match property.cast {
        None => Some(found),
        Some(Cast::String) if found.is_string() => Some(found),
        Some(Cast::String) => text(&found).map(Value::String),
        Some(Cast::Integer) => match &found {
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(found),
            other => text(other)?.parse::<i64>().ok().map(Value::from),
        },
        Some(Cast::Boolean) => {
            let flag = match text(&found)?.as_str() {
                "true" => true,
                "false" => false,
                _ => return None,
            };
            Some(Value::Bool(flag != property.negate))
        }
        Some(Cast::List) => Some(match found {
            Value::Array(_) => found,
            other => {
                let words = text(&other)?;
                let words = words.split([' ', ',']).filter(|word| !word.is_empty());
                Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
            }
        }),
    }
}
