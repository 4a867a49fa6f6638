//! From settings to a gateway.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use keyway_domain::{Clock as _, SecretString, clock::SystemClock, random::OsRandom};
use keyway_providers::{
    Catalogue,
    address::AddressGuard,
    catalogue::CatalogueError,
    http::{CALL_TIMEOUT, HttpClient, HttpError, HttpOptions, SystemLookup},
};
use keyway_store::{KeyFingerprint, Store, StoreError, StoreOptions};
use keyway_vault::{KeyRing, SealError, key_ring::KeyRingError};
use keyway_web::{ConfigError, Settings};

use crate::{App, state::Parts};

/// Why the gateway does not start: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key ring cannot be read.
    #[error("key ring {path}: {reason}")]
    KeyRing {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The key ring is another installation's.
    #[error(
        "the key ring is not the one that this database was sealed with: key {0} is missing or differs. \
         Point KEYWAY_KEYRING_FILE at the right file; credentials cannot be opened without it"
    )]
    WrongKeyRing(String),
    /// A provider definition.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database is older than this program.
    #[error("the database is not at this version: run `keyway migrate`")]
    NotMigrated,
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The key ring cannot seal.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Reads the key ring, and refuses one that others can read.
///
/// # Errors
/// [`StartupError::KeyRing`]; the text never quotes the file.
pub fn read_key_ring(path: &Path) -> Result<KeyRing, StartupError> {
    let failed = |reason: String| StartupError::KeyRing {
        path: path.display().to_string(),
        reason,
    };
    let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(failed(
            "everybody on this machine can read it; run `chmod o= ` on it".into(),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    KeyRing::parse(&SecretString::new(text))
        .map_err(|error: KeyRingError| failed(error.to_string()))
}

/// The shipped catalogue and the operator's own definitions.
///
/// # Errors
/// [`CatalogueError`] names the file.
pub fn read_catalogue(settings: &Settings) -> Result<Catalogue, CatalogueError> {
    let mut catalogue = Catalogue::shipped()?;
    if let Some(directory) = settings.providers_dir() {
        catalogue.add_directory(&directory)?;
    }
    Ok(catalogue)
}

/// Opens the database with these settings.
///
/// # Errors
/// [`StartupError::Config`] or [`StartupError::Store`].
pub async fn open_store(
    settings: &Settings,
    application_name: &'static str,
) -> Result<Store, StartupError> {
    let url = settings.database_url()?;
    let connections = settings.database_connections()?;
    let reads = (connections / 4).max(1);
    let options = StoreOptions {
        url: url.expose().clone(),
        application_name,
        read_connections: reads,
        write_connections: connections - reads,
        wait: StoreOptions::WAIT,
    };
    Ok(Store::open(options, Arc::new(OsRandom)).await?)
}

/// Checks that this ring sealed what lies in this database; the first ring to come is the right one.
///
/// # Errors
/// [`StartupError::WrongKeyRing`] or [`StartupError::Store`].
pub async fn check_key_ring(store: &Store, ring: &KeyRing) -> Result<(), StartupError> {
    let ours: Vec<KeyFingerprint> = ring
        .fingerprints()
        .into_iter()
        .map(|fingerprint| KeyFingerprint {
            key: fingerprint.key,
            fingerprint: fingerprint.bytes.to_vec(),
        })
        .collect();
    let on_record = store
        .register_vault_keys(&ours, store.clock().now())
        .await?;
    match on_record.into_iter().find(|known| !ours.contains(known)) {
        Some(unknown) => Err(StartupError::WrongKeyRing(unknown.key)),
        None => Ok(()),
    }
}

/// The client for calls to providers.
///
/// # Errors
/// [`StartupError`] if a setting is wrong, or there is no list of certificate authorities.
pub fn http_client(settings: &Settings) -> Result<HttpClient, StartupError> {
    Ok(HttpClient::new(HttpOptions {
        guard: AddressGuard::new(settings.outbound_allow()?),
        lookup: Arc::new(SystemLookup),
        additional_roots: Vec::new(),
        call_timeout: CALL_TIMEOUT,
        // Judged by providers, so by the time of the world and not the database's.
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    })?)
}

/// Everything that the gateway needs, or the first reason why it cannot start.
///
/// # Errors
/// [`StartupError`].
pub async fn open(settings: &Settings) -> Result<App, StartupError> {
    let ring = read_key_ring(&settings.keyring_file()?)?;
    let catalogue = read_catalogue(settings)?;
    let http = http_client(settings)?;
    let store = open_store(settings, "keyway-gateway").await?;
    if !store.is_migrated().await? {
        return Err(StartupError::NotMigrated);
    }
    check_key_ring(&store, &ring).await?;
    Ok(App::new(Parts {
        clock: Arc::new(store.clock()),
        store,
        ring,
        catalogue,
        http,
        random: Arc::new(OsRandom),
        public_url: settings.public_url()?,
        trusted_proxies: settings.trusted_proxies()?,
        edge_key: settings.edge_key()?,
    })?)
}
