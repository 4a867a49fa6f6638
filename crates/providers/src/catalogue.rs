//! The providers that this installation knows.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use keyway_domain::provider::ProviderSlug;

use crate::{Definition, definition, finding::Finding, lint};

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// A provider by its slug.
#[derive(Debug, Clone)]
pub struct Provider {
    /// What `:provider` stands for.
    pub slug: ProviderSlug,
    /// The provider whose file this one stands in; itself, unless it is a variant.
    pub family: ProviderSlug,
    /// What its file says.
    pub definition: Definition,
}

/// All providers, by slug.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<ProviderSlug, Arc<Provider>>);

/// A definition that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The directory or a file in it cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file is not a definition.
    #[error("{path}: {problems}")]
    Definition {
        /// Which.
        path: String,
        /// What is wrong, a line each.
        problems: String,
    },
    /// Several files of a directory are no definitions.
    #[error("{}", lines(.0))]
    Several(Vec<Self>),
}

fn lines(errors: &[CatalogueError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Provider {
    /// The providers of a file.
    ///
    /// # Errors
    /// [`CatalogueError::Definition`] if the name is no slug, or the text does not read or lint.
    pub fn read(name: &str, text: &str) -> Result<Vec<Self>, CatalogueError> {
        Self::check(name, text).map_err(|findings| {
            let problems: Vec<String> = findings.iter().map(ToString::to_string).collect();
            CatalogueError::Definition {
                path: format!("{name}.toml"),
                problems: problems.join("\n"),
            }
        })
    }

    /// The providers of a file, or all that is to be mended in it.
    ///
    /// # Errors
    /// What is wrong, each with its line. Never empty.
    pub fn check(name: &str, text: &str) -> Result<Vec<Self>, Vec<Finding>> {
        let slug_of = |name: &str| {
            ProviderSlug::parse(name).map_err(|error| {
                vec![Finding {
                    line: None,
                    reason: error.to_string(),
                }]
            })
        };
        let family = slug_of(name)?;
        let read = definition::read(name, text)
            .map_err(|error| vec![Finding::of_reader(text, &error.to_string())])?;
        let mut providers = Vec::new();
        let mut findings = Vec::new();
        for (slug, definition) in read {
            let at = |finding: String| {
                let reason = if slug == name {
                    finding
                } else {
                    format!("variants.{slug}.{finding}")
                };
                Finding::at_key(text, reason)
            };
            findings.extend(lint::check(&definition).into_iter().map(at));
            providers.push(Self {
                slug: slug_of(&slug)?,
                family: family.clone(),
                definition,
            });
        }
        if findings.is_empty() {
            Ok(providers)
        } else {
            findings.sort_by_key(|finding| finding.line);
            Err(findings)
        }
    }

    /// The one provider of a text that an account wrote.
    ///
    /// # Errors
    /// What is wrong, each with its line. Never empty.
    pub fn read_own(slug: &ProviderSlug, text: &str) -> Result<Self, Vec<Finding>> {
        let mut providers = Self::check(slug.as_str(), text)?;
        match providers.pop() {
            Some(provider) if providers.is_empty() => Ok(provider),
            _ => {
                let why = "variants: a provider of your own has none; make another provider";
                Err(vec![Finding::at_key(text, why.to_owned())])
            }
        }
    }
}

impl Catalogue {
    /// The providers that ship with Keyway.
    ///
    /// # Errors
    /// [`CatalogueError::Definition`] if one does not read, which the tests rule out.
    pub fn shipped() -> Result<Self, CatalogueError> {
        // Always the same, and hundreds of files to read: once is enough.
        static READ: OnceLock<Catalogue> = OnceLock::new();
        if let Some(read) = READ.get() {
            return Ok(read.clone());
        }
        let mut catalogue = Self::default();
        for (name, text) in SHIPPED {
            catalogue.add(name, text)?;
        }
        Ok(READ.get_or_init(|| catalogue).clone())
    }

    /// Adds the definitions of a directory, one per `<slug>.toml`; a slug that is known already is
    /// replaced.
    ///
    /// # Errors
    /// [`CatalogueError::Io`], or what is wrong with each of the files, in the order of their names.
    pub fn add_directory(&mut self, directory: &Path) -> Result<(), CatalogueError> {
        let io = |path: &Path| {
            let path = path.display().to_string();
            move |error| CatalogueError::Io { path, error }
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(io(directory))? {
            let path = entry.map_err(io(directory))?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path);
            }
        }
        files.sort();
        let mut wrong = Vec::new();
        for path in files {
            let text = std::fs::read_to_string(&path).map_err(io(&path))?;
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if let Err(error) = self.add(name.unwrap_or_default(), &text) {
                wrong.push(error);
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(CatalogueError::Several(wrong))
        }
    }

    /// Adds the definitions of one file: the one that it is named after, and its variants.
    ///
    /// # Errors
    /// [`CatalogueError::Definition`] if the name is no slug, or the text does not read or lint.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), CatalogueError> {
        for provider in Provider::read(name, text)? {
            self.0.insert(provider.slug.clone(), Arc::new(provider));
        }
        Ok(())
    }

    /// A provider by its slug.
    pub fn find(&self, slug: &ProviderSlug) -> Option<&Arc<Provider>> {
        self.0.get(slug)
    }

    /// All providers, by slug, to be kept.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.0.values()
    }

    /// All providers, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.values().map(AsRef::as_ref)
    }
}
