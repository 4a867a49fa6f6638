//! The providers that an account has: those of the installation (shipped, or from the operator's
//! directory), and those that it describes itself, which nobody else sees.
//!
//! A definition that was saved counts from the next look on, in every process: each look for one
//! of an account's own providers asks the database for the newest version, and reads its text only
//! if it is not known yet. Providers of the installation cost no query.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use keyway_domain::{
    ids::{AccountId, ProviderDefinitionId},
    provider::ProviderSlug,
};
use keyway_providers::{Catalogue, Provider};
use keyway_store::{NewestDefinition, Store, StoreError};
use tokio::sync::OnceCell;

/// The providers of all accounts.
#[derive(Debug)]
pub struct Providers {
    installed: Catalogue,
    store: Store,
    own: RwLock<HashMap<AccountId, Own>>,
    contested: OnceCell<BTreeSet<ProviderSlug>>,
}

/// The account's own providers that were read already.
type Own = BTreeMap<ProviderSlug, Known>;

/// A version that was read. None: it is no good definition for this release of Keyway.
#[derive(Debug, Clone)]
struct Known(ProviderDefinitionId, Option<Arc<Provider>>);

impl Providers {
    /// Those of the installation, and those that the store has.
    pub fn new(installed: Catalogue, store: Store) -> Self {
        Self {
            installed,
            store,
            own: RwLock::default(),
            contested: OnceCell::new(),
        }
    }

    /// The providers of the installation.
    pub fn installed(&self) -> &Catalogue {
        &self.installed
    }

    /// A provider of this account, as it is now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(
        &self,
        account: AccountId,
        slug: &ProviderSlug,
    ) -> Result<Option<Arc<Provider>>, StoreError> {
        let installed = self.installed.find(slug);
        if installed.is_some() && !self.contested().await?.contains(slug) {
            return Ok(installed.cloned());
        }
        let known = self.known(account, Some(slug));
        let newest = self
            .store
            .find_newest_definitions(account, Some(slug), known)
            .await?;
        let own = self.learn(account, newest).pop();
        // An app keeps talking to the hosts that it was registered for.
        Ok(own.or_else(|| installed.cloned()))
    }

    /// The account's own providers, by slug, as they are now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn own(&self, account: AccountId) -> Result<Vec<Arc<Provider>>, StoreError> {
        let known = self.known(account, None);
        let newest = self
            .store
            .find_newest_definitions(account, None, known)
            .await?;
        Ok(self.learn(account, newest))
    }

    /// All providers of the account, by slug, as they are now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(&self, account: AccountId) -> Result<AccountProviders, StoreError> {
        let installed = self.installed.shared();
        let mut all: BTreeMap<_, _> = installed.map(by_slug).collect();
        let own = self.own(account).await?;
        let custom = own.iter().map(|provider| provider.slug.clone()).collect();
        all.extend(own.iter().map(by_slug));
        Ok(AccountProviders { all, custom })
    }

    /// The names that accounts gave to their own providers, whoever they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn described(&self) -> Result<Vec<ProviderSlug>, StoreError> {
        self.store.list_described_providers().await
    }

    /// Names that an account used before a release of Keyway shipped them. No account can take one
    /// while this process runs, so to ask once is enough.
    async fn contested(&self) -> Result<&BTreeSet<ProviderSlug>, StoreError> {
        self.contested
            .get_or_try_init(async || {
                let described = self.described().await?.into_iter();
                Ok(described
                    .filter(|slug| self.installed.find(slug).is_some())
                    .collect())
            })
            .await
    }

    fn known(&self, account: AccountId, slug: Option<&ProviderSlug>) -> Vec<ProviderDefinitionId> {
        let accounts = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let own = accounts.get(&account).into_iter().flatten();
        own.filter(|(known, _)| slug.is_none_or(|slug| slug == *known))
            .map(|(_, known)| known.0)
            .collect()
    }

    fn learn(&self, account: AccountId, newest: Vec<NewestDefinition>) -> Vec<Arc<Provider>> {
        let mut accounts = self.own.write().unwrap_or_else(PoisonError::into_inner);
        let own = accounts.entry(account).or_default();
        let mut learned = Vec::new();
        for definition in newest {
            if let Some(text) = &definition.text {
                let known = Known(definition.id, read(account, &definition.slug, text));
                own.insert(definition.slug.clone(), known);
            }
            learned.extend(own.get(&definition.slug).and_then(|known| known.1.clone()));
        }
        learned
    }
}

/// All providers of one account at one moment.
#[derive(Debug, Clone)]
pub struct AccountProviders {
    all: BTreeMap<ProviderSlug, Arc<Provider>>,
    custom: BTreeSet<ProviderSlug>,
}

impl AccountProviders {
    /// A provider by its slug.
    pub fn find(&self, slug: &ProviderSlug) -> Option<&Arc<Provider>> {
        self.all.get(slug)
    }

    /// All of them, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.all.values()
    }

    /// Whether the account describes this provider itself.
    pub fn is_own(&self, slug: &ProviderSlug) -> bool {
        self.custom.contains(slug)
    }

    /// A provider's name for people; its slug if there is none any more.
    pub fn name(&self, slug: &str) -> String {
        let slug_read = ProviderSlug::parse(slug).ok();
        slug_read
            .and_then(|slug| self.all.get(&slug))
            .map_or_else(|| slug.to_owned(), |known| known.definition.name.clone())
    }
}

fn by_slug(provider: &Arc<Provider>) -> (ProviderSlug, Arc<Provider>) {
    (provider.slug.clone(), Arc::clone(provider))
}

fn read(account: AccountId, slug: &ProviderSlug, text: &str) -> Option<Arc<Provider>> {
    match Provider::read_own(slug, text) {
        Ok(provider) => Some(Arc::new(provider)),
        Err(findings) => {
            // It was good when it was saved, by the rules of that release.
            let finding = findings.first().map(ToString::to_string);
            tracing::error!(%account, provider = %slug, finding, "an account's own provider is not usable");
            None
        }
    }
}
