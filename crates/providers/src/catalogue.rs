//! The providers that this installation knows.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use keyway_domain::provider::ProviderSlug;

use crate::{Definition, lint};

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// A provider by its slug.
#[derive(Debug, Clone)]
pub struct Provider {
    /// What `:provider` stands for.
    pub slug: ProviderSlug,
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
}

impl Catalogue {
    /// The providers that ship with Keyway.
    ///
    /// # Errors
    /// [`CatalogueError::Definition`] if one does not read, which the tests rule out.
    pub fn shipped() -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (name, text) in SHIPPED {
            catalogue.add(name, text)?;
        }
        Ok(catalogue)
    }

    /// Adds the definitions of a directory, one per `<slug>.toml`; a slug that is known already is
    /// replaced.
    ///
    /// # Errors
    /// [`CatalogueError`] names the file and what is wrong with it.
    pub fn add_directory(&mut self, directory: &Path) -> Result<(), CatalogueError> {
        let io = |path: &Path| {
            let path = path.display().to_string();
            move |error| CatalogueError::Io { path, error }
        };
        for entry in std::fs::read_dir(directory).map_err(io(directory))? {
            let path = entry.map_err(io(directory))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let text = std::fs::read_to_string(&path).map_err(io(&path))?;
                let name = path
                    .file_stem()
                    .and_then(|stem| stem.to_str())
                    .unwrap_or_default();
                self.add(name, &text)?;
            }
        }
        Ok(())
    }

    /// Adds one definition.
    ///
    /// # Errors
    /// [`CatalogueError::Definition`] if the name is no slug, or the text does not read or lint.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), CatalogueError> {
        let problem = |problems: String| CatalogueError::Definition {
            path: format!("{name}.toml"),
            problems,
        };
        let slug = ProviderSlug::parse(name).map_err(|error| problem(error.to_string()))?;
        let definition: Definition =
            toml::from_str(text).map_err(|error| problem(error.to_string()))?;
        let findings = lint::check(&definition);
        if !findings.is_empty() {
            return Err(problem(findings.join("\n")));
        }
        let provider = Provider {
            slug: slug.clone(),
            definition,
        };
        self.0.insert(slug, Arc::new(provider));
        Ok(())
    }

    /// A provider by its slug.
    pub fn find(&self, slug: &ProviderSlug) -> Option<&Arc<Provider>> {
        self.0.get(slug)
    }

    /// All providers, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.values().map(AsRef::as_ref)
    }
}
