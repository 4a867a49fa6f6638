//! Variables: values that differ from one end user to the next, checked before they are used.

use std::collections::BTreeMap;

use keyway_domain::secret::SecretString;
use regex_lite::Regex;
use serde::Deserialize;

use crate::Definition;

/// A variable of a definition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is called on the hosted form.
    pub label: String,
    /// Where the end user finds it.
    pub help: Option<String>,
    /// An example.
    pub example: Option<String>,
    /// Regular expression that the whole value must match. Required unless there are choices.
    pub pattern: Option<String>,
    /// The only values there are.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The value if none is given; a variable without one is asked for.
    pub default: Option<String>,
    /// Whether the value is brought to lower case first, as host names are.
    #[serde(default)]
    pub lowercase: bool,
    /// Added if the value does not begin with it.
    pub prefix: Option<String>,
    /// Added if the value does not end with it: people type `acme` for `acme.myshopify.com`.
    pub suffix: Option<String>,
    /// Whether it is sealed and never shown: a key that the end user enters.
    #[serde(default)]
    pub secret: bool,
    /// Who knows it.
    #[serde(default)]
    pub set_by: SetBy,
}

/// Who knows a variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The end user, who is asked on a hosted form.
    #[default]
    EndUser,
    /// The admin, who registers the client with one installation of the product.
    Admin,
}

impl SetBy {
    /// The word in definitions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "end_user",
            Self::Admin => "admin",
        }
    }
}

/// A value to choose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// What the end user reads.
    pub label: String,
    /// Names that templates may use once this is chosen, such as a region's hosts.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// A variable's value is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariable {
    /// The definition has no such variable.
    #[error("there is no variable {0}")]
    Unknown(String),
    /// Not one of the choices.
    #[error("{label}: choose one of {choices}")]
    Choice {
        /// The variable's label.
        label: String,
        /// What there is to choose.
        choices: String,
    },
    /// Outside the pattern.
    #[error("{label}: this does not look right{}", .example.as_ref().map(|example| format!("; an example is {example}")).unwrap_or_default())]
    Pattern {
        /// The variable's label.
        label: String,
        /// An example.
        example: Option<String>,
    },
}

/// The longest value that is looked at.
const MAX_LENGTH: usize = 255;

/// The longest secret: a private key in PEM is long.
const MAX_SECRET: usize = 16 * 1024;

impl Variable {
    /// Brings a value to its form and checks it.
    ///
    /// # Errors
    /// [`InvalidVariable::Choice`] or [`InvalidVariable::Pattern`].
    pub fn check(&self, value: &str) -> Result<String, InvalidVariable> {
        if !self.choices.is_empty() {
            let known = self.choices.iter().find(|choice| choice.value == value);
            return known
                .map(|choice| choice.value.clone())
                .ok_or_else(|| self.no_choice());
        }
        let mut value = value.trim_matches(' ').to_owned();
        if self.lowercase {
            value.make_ascii_lowercase();
        }
        if let Some(prefix) = &self.prefix
            && !value.starts_with(prefix.as_str())
        {
            value.insert_str(0, prefix);
        }
        if let Some(suffix) = &self.suffix
            && !value.ends_with(suffix.as_str())
        {
            value.push_str(suffix);
        }
        if self.secret && self.pattern.is_none() {
            // Lines are a PEM's; anything else that cannot be seen is a slip of the clipboard.
            let value = value.trim().to_owned();
            let seen = |c: char| !c.is_control() || matches!(c, '\n' | '\r');
            let good = !value.is_empty() && value.len() <= MAX_SECRET && value.chars().all(seen);
            return if good {
                Ok(value)
            } else {
                Err(self.no_match())
            };
        }
        let longest = if self.secret { MAX_SECRET } else { MAX_LENGTH };
        let matches = value.len() <= longest
            && self
                .pattern
                .as_deref()
                .and_then(whole)
                .is_some_and(|pattern| pattern.is_match(&value));
        if matches {
            Ok(value)
        } else {
            Err(self.no_match())
        }
    }

    fn no_choice(&self) -> InvalidVariable {
        let values: Vec<&str> = self
            .choices
            .iter()
            .map(|choice| choice.value.as_str())
            .collect();
        InvalidVariable::Choice {
            label: self.label.clone(),
            choices: values.join(", "),
        }
    }

    fn no_match(&self) -> InvalidVariable {
        InvalidVariable::Pattern {
            label: self.label.clone(),
            example: self.example.clone(),
        }
    }
}

impl Definition {
    /// Checks the values that a request gave, and adds the defaults of those it did not give.
    ///
    /// # Errors
    /// The first [`InvalidVariable`].
    pub fn check_variables<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<BTreeMap<String, String>, InvalidVariable> {
        let mut checked = self.check_given(SetBy::EndUser, given)?;
        for (name, variable) in &self.variables {
            if let Some(default) = &variable.default
                && variable.set_by == SetBy::EndUser
                && !checked.contains_key(name)
            {
                checked.insert(name.clone(), default.clone());
            }
        }
        Ok(checked)
    }

    /// Checks the values that an admin gave for the variables that are an admin's to set. What the
    /// end user sets is refused, and so is a secret: those are entered on a form of their own.
    ///
    /// # Errors
    /// The first [`InvalidVariable`].
    pub fn check_given<'a>(
        &self,
        by: SetBy,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<BTreeMap<String, String>, InvalidVariable> {
        let mut checked = BTreeMap::new();
        for (name, value) in given {
            let variable = self.variables.get(name);
            let variable = variable
                .filter(|variable| variable.set_by == by && !variable.secret)
                .ok_or_else(|| InvalidVariable::Unknown(name.to_owned()))?;
            checked.insert(name.to_owned(), variable.check(value)?);
        }
        Ok(checked)
    }

    /// Checks all that an admin must set to register an app, and adds the defaults.
    ///
    /// # Errors
    /// The first [`InvalidVariable`]; a missing one is out of its form.
    pub fn check_admins(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, InvalidVariable> {
        let pairs = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut checked = self.check_given(SetBy::Admin, pairs)?;
        for (name, variable) in self.admins_variables() {
            if !checked.contains_key(name) {
                let value = variable.check(variable.default.as_deref().unwrap_or_default())?;
                checked.insert(name.to_owned(), value);
            }
        }
        Ok(checked)
    }

    /// The variables that the admin sets, by name.
    pub fn admins_variables(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.open_variables(SetBy::Admin)
    }

    /// The variables that the end user sets, by name; none of the secret ones.
    pub fn end_users_variables(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.open_variables(SetBy::EndUser)
    }

    fn open_variables(&self, by: SetBy) -> impl Iterator<Item = (&str, &Variable)> {
        let own = self
            .variables
            .iter()
            .filter(move |(_, rule)| rule.set_by == by && !rule.secret);
        own.map(|(name, rule)| (name.as_str(), rule))
    }

    /// Checks what the end user entered for the secret variables; all of them are wanted.
    ///
    /// # Errors
    /// The first [`InvalidVariable`].
    pub fn check_secrets(
        &self,
        given: impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, SecretString>, InvalidVariable> {
        let hidden = self.variables.iter().filter(|(_, rule)| rule.secret);
        hidden
            .map(|(name, rule)| {
                let value = rule.check(&given(name).unwrap_or_default())?;
                Ok((name.clone(), SecretString::new(value)))
            })
            .collect()
    }

    /// The secret variables, by name.
    pub fn secret_variables(&self) -> impl Iterator<Item = (&str, &Variable)> {
        let hidden = self.variables.iter().filter(|(_, rule)| rule.secret);
        hidden.map(|(name, rule)| (name.as_str(), rule))
    }

    /// The variables that still need a value, by name; none of the secret ones.
    pub fn missing_variables<'a>(
        &'a self,
        known: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = (&'a str, &'a Variable)> {
        self.variables
            .iter()
            .filter(|(name, rule)| !rule.secret && !known.contains_key(*name))
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// The value of a name in a template: a variable, or what a choice sets.
    pub fn variable_value(
        &self,
        variables: &BTreeMap<String, String>,
        name: &str,
    ) -> Option<String> {
        if let Some(value) = variables.get(name) {
            return Some(value.clone());
        }
        self.variables.iter().find_map(|(variable, definition)| {
            let chosen = variables.get(variable)?;
            let choice = definition
                .choices
                .iter()
                .find(|choice| choice.value == *chosen)?;
            choice.set.get(name).cloned()
        })
    }
}

/// Compiles a pattern so that it must match the whole value; `None` if it is no regular expression
/// (the linter refuses those).
pub fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Variable {
        toml::from_str(
            r#"
            label = "Shop"
            pattern = '[a-z0-9][a-z0-9-]*\.myshopify\.com'
            lowercase = true
            suffix = ".myshopify.com"
            "#,
        )
        .expect("variable")
    }

    #[test]
    fn values_are_brought_to_form_and_checked_whole() {
        assert_eq!(shop().check(" Acme "), Ok("acme.myshopify.com".into()));
        assert_eq!(
            shop().check("acme.myshopify.com"),
            Ok("acme.myshopify.com".into())
        );
        let long = "a".repeat(10_000);
        for bad in [
            "",
            "evil.example/",
            "a@evil",
            "acme.myshopify.com/",
            "127.0.0.1",
            "[::1]",
            "acme.myshopify.com\r\nx",
            "acme.myshopify.com\n",
            "b\u{fc}cher",
            long.as_str(),
        ] {
            assert!(shop().check(bad).is_err(), "{bad:?}");
        }
    }
}
