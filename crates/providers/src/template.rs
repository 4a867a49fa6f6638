//! Texts with `{names}` in them.

use serde::Deserialize;
use url::Url;

/// A text whose `{names}` are filled in when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

/// A template that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?}: braces do not match, or a name in them holds more than letters, digits, '_', '-' and '.'"
)]
pub struct InvalidTemplate(String);

/// A name in a template has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{{{0}}} has no value")]
pub struct MissingValue(pub String);

impl Template {
    /// Fills in the names.
    ///
    /// # Errors
    /// [`MissingValue`] names the first that `value` does not know.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, MissingValue> {
        self.fill_escaped(value, |text| text)
    }

    /// Fills in the names, each value through `escape` first.
    ///
    /// # Errors
    /// [`MissingValue`].
    pub fn fill_escaped(
        &self,
        value: impl Fn(&str) -> Option<String>,
        escape: impl Fn(String) -> String,
    ) -> Result<String, MissingValue> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(name) => {
                    let value = value(name).ok_or_else(|| MissingValue(name.clone()))?;
                    out.push_str(&escape(value));
                }
            }
        }
        Ok(out)
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text before the first name.
    pub fn literal_prefix(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Scheme, host and port, if no name stands in or before them.
    pub fn literal_origin(&self) -> Option<Url> {
        let (scheme, rest) = self.literal_prefix().split_once("://")?;
        let complete = self.names().next().is_none();
        let end = rest
            .find(['/', '?', '#'])
            .or(complete.then_some(rest.len()))?;
        Url::parse(&format!("{scheme}://{}/", rest.get(..end)?)).ok()
    }
}

impl TryFrom<String> for Template {
    type Error = InvalidTemplate;

    /// `{{` and `}}` stand for braces, as GraphQL needs them.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bad = || InvalidTemplate(text.clone());
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    literal.push(c);
                }
                '{' => {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    let mut name = String::new();
                    loop {
                        match chars.next().ok_or_else(bad)? {
                            '}' => break,
                            c if c.is_ascii_alphanumeric() || "_-.".contains(c) => name.push(c),
                            _ => return Err(bad()),
                        }
                    }
                    if name.is_empty() {
                        return Err(bad());
                    }
                    parts.push(Part::Name(name));
                }
                '}' => return Err(bad()),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Name(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).expect("good")
    }

    #[test]
    fn names_are_filled_and_braces_escaped() {
        let filled = template("https://{shop}/a{{b}}?x={token.id}").fill(|name| match name {
            "shop" => Some("acme".into()),
            "token.id" => Some("7".into()),
            _ => None,
        });
        assert_eq!(filled, Ok("https://acme/a{b}?x=7".into()));
        assert_eq!(
            template("{x}").fill(|_| None),
            Err(MissingValue("x".into()))
        );
    }

    #[test]
    fn what_does_not_match_is_refused() {
        for bad in ["{", "}", "{}", "{a b}", "{a", "a}", "{a{b}}"] {
            assert!(Template::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
