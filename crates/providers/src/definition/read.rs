//! From a file's text to the providers in it.

use toml::{Table, Value};

use super::Definition;

/// A text that is no definition. The words name the line, where it is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDefinition(pub String);

/// The providers of a file: the one that the file is named after, and its variants, each with its
/// slug.
///
/// # Errors
/// [`InvalidDefinition`] with the line and the reason.
pub(crate) fn read(slug: &str, text: &str) -> Result<Vec<(String, Definition)>, InvalidDefinition> {
    let mut base: Definition = toml::from_str(text).map_err(|error| {
        // Its own text shows the line, and an arrow below it.
        InvalidDefinition(error.to_string().trim_end().to_owned())
    })?;
    let variants = std::mem::take(&mut base.variants);
    base.complete(slug);
    let mut all = vec![(slug.to_owned(), base)];
    if variants.is_empty() {
        return Ok(all);
    }
    let mut whole: Table =
        toml::from_str(text).map_err(|error| InvalidDefinition(error.to_string()))?;
    whole.remove("variants");
    for (name, changes) in variants {
        let mut merged = whole.clone();
        merge(&mut merged, changes);
        let read: Result<Definition, _> = Value::Table(merged).try_into();
        let mut variant = read.map_err(|error| {
            let words = error.message();
            InvalidDefinition(format!("variants.{name}: {words}"))
        })?;
        if !variant.variants.is_empty() {
            return Err(InvalidDefinition(format!(
                "variants.{name}: a variant has no variants of its own"
            )));
        }
        variant.complete(&name);
        all.push((name, variant));
    }
    Ok(all)
}

/// Lays changes over a table: tables are merged, everything else is replaced, and `false` in place
/// of a table or a list takes it away.
fn merge(base: &mut Table, changes: Table) {
    for (name, change) in changes {
        match (base.get_mut(&name), change) {
            (Some(Value::Table(known)), Value::Table(change)) => merge(known, change),
            (Some(Value::Table(_) | Value::Array(_)), Value::Boolean(false)) => {
                base.remove(&name);
            }
            (_, change) => {
                base.insert(name, change);
            }
        }
    }
}
