//! Parameters of a request, looked at before anything is made of them.

use std::collections::HashSet;

/// Pairs of a query or a form, as they came.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query or a form.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The one value of a parameter; an empty one counts as absent, two are an error
    /// (RFC 6749 section 3.1).
    ///
    /// # Errors
    /// [`Repeated`].
    pub(crate) fn one<'a>(&'a self, name: &'static str) -> Result<Option<&'a str>, Repeated> {
        let mut values = self
            .0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated(name.to_owned()));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// Refuses parameters that come twice, whatever they are called (RFC 6749 sections 3.1 and 3.2).
    ///
    /// # Errors
    /// [`Repeated`].
    pub(crate) fn each_once(&self) -> Result<(), Repeated> {
        let mut seen = HashSet::new();
        match self.0.iter().find(|(name, _)| !seen.insert(name)) {
            Some((name, _)) => Err(Repeated(name.clone())),
            None => Ok(()),
        }
    }

    /// All of them, as a form again, but for these.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let kept = self
            .0
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(kept);
        form.finish()
    }

    /// The first value of a parameter, for reporting what came.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Parameters whose name begins with `prefix`, each once.
    ///
    /// # Errors
    /// [`Repeated`].
    pub(crate) fn prefixed(&self, prefix: &str) -> Result<Vec<(&str, &str)>, Repeated> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &self.0 {
            let Some(rest) = name.strip_prefix(prefix) else {
                continue;
            };
            if found.iter().any(|(known, _)| *known == rest) {
                return Err(Repeated(name.clone()));
            }
            if !value.is_empty() {
                found.push((rest, value));
            }
        }
        Ok(found)
    }

    /// The names, in the order in which they came.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// A parameter came twice.
#[derive(Debug)]
pub(crate) struct Repeated(pub(crate) String);
