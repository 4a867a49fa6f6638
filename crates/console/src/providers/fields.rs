//! What a definition is saved with, and whether it may be.

use keyway_domain::{ids::ProviderDefinitionId, provider::ProviderSlug};
use keyway_providers::{Provider, finding::Finding};
use keyway_store::{Conflict, NewDefinition, StoreError};

use crate::{App, error::PageError, session::Session};

/// A definition is never longer, in bytes. The longest that ships has a third of it.
pub(super) const MAX_TEXT: usize = 16 * 1024;
/// A note is never longer, in characters.
const MAX_NOTE: usize = 500;

/// What is wrong with what was sent.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) slug: Option<String>,
    pub(super) note: Option<String>,
    /// In the text, each with its line.
    pub(super) findings: Vec<Finding>,
    /// Somebody else was faster.
    pub(super) overtaken: bool,
}

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.slug.is_none() && self.note.is_none() && self.findings.is_empty() && !self.overtaken
    }
}

/// The name of a new provider.
pub(super) fn new_slug(app: &App, typed: &str) -> Result<ProviderSlug, String> {
    let slug = ProviderSlug::parse(typed.trim()).map_err(|error| error.to_string())?;
    // `/providers/new` is a page of its own.
    if slug.as_str() == "new" || app.catalogue.installed().find(&slug).is_some() {
        return Err(format!("{slug} is taken by a provider of this Keyway"));
    }
    Ok(slug)
}

/// Why a version is saved; none if nothing is said.
pub(super) fn note(typed: &str) -> Result<Option<String>, String> {
    let typed = typed.trim();
    if typed.chars().count() > MAX_NOTE || typed.contains('\0') {
        return Err(format!("at most {MAX_NOTE} characters"));
    }
    Ok((!typed.is_empty()).then(|| typed.to_owned()))
}

/// All that is wrong with a text.
pub(super) fn lint(slug: &ProviderSlug, text: &str) -> Vec<Finding> {
    if text.len() > MAX_TEXT {
        let reason = format!("the text has more than {MAX_TEXT} bytes");
        return vec![Finding { line: None, reason }];
    }
    Provider::read_own(slug, text).err().unwrap_or_default()
}

/// Saves a version; `false` if somebody else was faster.
pub(super) async fn save(
    app: &App,
    session: &Session,
    slug: &ProviderSlug,
    follows: i32,
    text: &str,
    note: Option<String>,
) -> Result<bool, PageError> {
    let now = app.now();
    let new = NewDefinition {
        id: ProviderDefinitionId::generate(now, app.random.as_ref()),
        slug: slug.clone(),
        follows,
        text: text.to_owned(),
        note,
    };
    let (account, actor) = (session.account(), session.actor());
    match app.store.save_definition(account, &new, actor, now).await {
        Ok(saved) => Ok(saved),
        Err(StoreError::Conflict(Conflict::Exists)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A text as the browser sends it, with the line ends of definitions.
pub(super) fn plain(text: &str) -> String {
    text.replace("\r\n", "\n")
}
