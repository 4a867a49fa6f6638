//! What most commands need: the database, the account, the key ring.

use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use keyway_domain::{
    Clock as _, Random,
    account::{self, Account},
    random::OsRandom,
};
use keyway_gateway::startup;
use keyway_store::Store;
use keyway_vault::KeyRing;
use keyway_web::Settings;

/// An open database.
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) random: Arc<dyn Random>,
}

impl Context {
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let store = startup::open_store(settings, "keyway").await?;
        if !store.is_migrated().await? {
            anyhow::bail!("the database is not at this version: run `keyway migrate`");
        }
        Ok(Self {
            store,
            random: Arc::new(OsRandom),
        })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.store.clock().now()
    }

    /// The account of that name or short name.
    pub(crate) async fn account(&self, name: &str) -> anyhow::Result<Account> {
        let slug = account::slug(name)?;
        let found = self.store.find_account(&slug).await?;
        found.with_context(|| {
            format!("there is no account {slug:?}; `keyway admins create` makes one")
        })
    }

    /// The key ring, once it is sure that it belongs to this database.
    pub(crate) async fn key_ring(&self, settings: &Settings) -> anyhow::Result<KeyRing> {
        let ring = startup::read_key_ring(&settings.keyring_file()?)?;
        startup::check_key_ring(&self.store, &ring).await?;
        Ok(ring)
    }
}
