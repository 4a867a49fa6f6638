//! One property's value: its type, and what it must not hold.

use chrono::{DateTime, SecondsFormat, Utc};
use keyway_domain::{
    json::{self, NotStorable},
    scope::Scopes,
};
use serde_json::Value;

use crate::{
    Definition,
    definition::{Cast, Property},
    source::{Root, Source, text},
    variables::{Variable, whole},
};

/// The value in the form in which a flow would have yielded it.
pub(super) fn checked(
    definition: &Definition,
    property: &Property,
    value: &Value,
) -> Result<Value, &'static str> {
    match json::check(value) {
        Ok(()) => {}
        Err(NotStorable::Nul) => return Err("holds a NUL character"),
        Err(NotStorable::Number) => return Err("holds a number beyond 1e300"),
    }
    if property.secret {
        let is_token = property
            .from
            .iter()
            .any(|source| source.root == Root::Granted);
        let text = secret(value)?;
        if is_token && text.chars().any(char::is_control) {
            return Err("holds a control character");
        }
        return Ok(Value::String(text.to_owned()));
    }
    if !has_type(property, value) {
        return Err(type_of(property));
    }
    if comes_from(property, "expires_at") || comes_from(property, "refresh_expires_at") {
        let moment = moment(value).ok_or("must be a time such as 2026-11-21T12:00:00Z")?;
        return Ok(written(moment));
    }
    if comes_from(property, "scope") && scopes(value).is_none() {
        return Err("holds a scope outside RFC 6749 section 3.3");
    }
    let parameters = &definition.callback.parameters;
    for source in &property.from {
        let parameter = parameters
            .get(&source.path)
            .filter(|_| source.root == Root::Callback);
        let matches = parameter.is_none_or(|parameter| {
            whole(&parameter.pattern)
                .zip(text(value))
                .is_some_and(|(pattern, text)| pattern.is_match(&text))
        });
        if !matches {
            return Err("does not look right");
        }
    }
    Ok(value.clone())
}

/// Whether a property may come from the tokens in the standard's terms, by this name.
pub(super) fn comes_from(property: &Property, granted: &str) -> bool {
    let is_it = |source: &Source| source.root == Root::Granted && source.path == granted;
    property.from.iter().any(is_it)
}

/// A variable's value, by the rule of a flow.
pub(super) fn variable(rule: &Variable, value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a text")?;
    rule.check(text).map_err(|error| error.to_string())
}

/// A masked secret that comes back would replace the real one.
fn secret(value: &Value) -> Result<&str, &'static str> {
    match value.as_str() {
        None => Err("must be a text"),
        Some("") => Err("is empty"),
        Some(text) if text.bytes().all(|byte| byte == b'*') => {
            Err("is masked: send the secret itself")
        }
        Some(text) => Ok(text),
    }
}

fn has_type(property: &Property, value: &Value) -> bool {
    let is_text = |value: &Value| value.is_string();
    let named = |source: &Source| matches!(source.root, Root::Granted | Root::Callback);
    match property.cast {
        _ if property.matches.is_some() => value.is_boolean(),
        Some(Cast::String) => is_text(value),
        Some(Cast::Integer) => value.is_i64() || value.is_u64(),
        Some(Cast::Boolean) => value.is_boolean(),
        Some(Cast::List) => value
            .as_array()
            .is_some_and(|items| items.iter().all(|item| is_text(item) || item.is_number())),
        None if property.from.iter().any(named) => is_text(value),
        None => true,
    }
}

fn type_of(property: &Property) -> &'static str {
    match property.cast {
        _ if property.matches.is_some() => "must be true or false",
        Some(Cast::Boolean) => "must be true or false",
        Some(Cast::Integer) => "must be a whole number",
        Some(Cast::List) => "must be a list of texts",
        Some(Cast::String) | None => "must be a text",
    }
}

pub(super) fn moment(value: &Value) -> Option<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(parsed.to_utc())
}

pub(super) fn written(moment: DateTime<Utc>) -> Value {
    Value::String(moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A text with spaces or commas, or a list of texts.
pub(super) fn scopes(value: &Value) -> Option<Scopes> {
    let words: Vec<&str> = match value {
        Value::String(text) => text.split([' ', ',']).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    Scopes::from_list(words).ok()
}
