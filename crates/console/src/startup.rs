//! From settings to a console.

use std::{path::Path, sync::Arc};

use keyway_domain::random::OsRandom;
use keyway_providers::{Catalogue, catalogue::CatalogueError};
use keyway_store::{Store, StoreError, StoreOptions};
use keyway_vault::{PasswordHasher, PublicKeys, Sealer, password::PasswordError};
use keyway_web::{ConfigError, Settings};

use crate::{App, state::Parts};

/// Why the console does not start: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The public keys cannot be read.
    #[error(
        "public keys {path}: {reason}. KEYWAY_PUBLIC_KEYS_FILE names the file that \
         `keyway keys generate` wrote as --public-out"
    )]
    PublicKeys {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The public keys are another installation's.
    #[error(
        "no gateway of this database has the key {0}: what the console seals for it could never be \
         opened. Point KEYWAY_PUBLIC_KEYS_FILE at the right file; after a new key, start the \
         gateway with it first"
    )]
    UnknownKey(String),
    /// A provider definition.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database is older than this program.
    #[error("the database is not at this version: run `keyway migrate`")]
    NotMigrated,
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// Reads the public keys.
///
/// # Errors
/// [`StartupError::PublicKeys`].
pub fn read_public_keys(path: &Path) -> Result<Sealer, StartupError> {
    let failed = |reason: String| StartupError::PublicKeys {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    PublicKeys::parse(&text)
        .and_then(|keys| keys.sealer())
        .map_err(|error| failed(error.to_string()))
}

/// Checks that a gateway can open what this sealer seals. Before the first gateway was started
/// nothing is on record, and any key is taken.
///
/// # Errors
/// [`StartupError::UnknownKey`] or [`StartupError::Store`].
pub async fn check_sealer(store: &Store, sealer: &Sealer) -> Result<(), StartupError> {
    let ours = sealer.key_id().to_string();
    let on_record = store.list_vault_keys().await?;
    if on_record.is_empty() || on_record.iter().any(|known| known.key == ours) {
        Ok(())
    } else {
        Err(StartupError::UnknownKey(ours))
    }
}

/// Everything that the console needs, or the first reason why it cannot start.
///
/// # Errors
/// [`StartupError`].
pub async fn open(settings: &Settings) -> Result<App, StartupError> {
    let sealer = read_public_keys(&settings.public_keys_file()?)?;
    let catalogue = read_catalogue(settings)?;
    let store = open_store(settings).await?;
    if !store.is_migrated().await? {
        return Err(StartupError::NotMigrated);
    }
    check_sealer(&store, &sealer).await?;
    Ok(App::new(Parts {
        clock: Arc::new(store.clock()),
        store,
        sealer,
        catalogue,
        passwords: PasswordHasher::new(&OsRandom)?,
        random: Arc::new(OsRandom),
        console_url: settings.console_url()?,
        public_url: settings.public_url()?,
        trusted_proxies: settings.trusted_proxies()?,
    }))
}

/// The shipped catalogue and the operator's own definitions.
fn read_catalogue(settings: &Settings) -> Result<Catalogue, CatalogueError> {
    let mut catalogue = Catalogue::shipped()?;
    if let Some(directory) = settings.providers_dir() {
        catalogue.add_directory(&directory)?;
    }
    Ok(catalogue)
}

async fn open_store(settings: &Settings) -> Result<Store, StartupError> {
    let url = settings.database_url()?;
    let connections = settings.database_connections()?;
    // Unlike the gateway, the console mostly reads.
    let writes = (connections / 4).max(1);
    let options = StoreOptions {
        url: url.expose().clone(),
        application_name: "keyway-console",
        read_connections: connections - writes,
        write_connections: writes,
        wait: StoreOptions::WAIT,
    };
    Ok(Store::open(options, Arc::new(OsRandom)).await?)
}
