//! Clients that prove themselves by a certificate (RFC 8705): an HTTP client each, so that no
//! connection of one app is ever used for another.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use keyway_domain::{SecretString, pem};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

use crate::{error::ProviderError, request::unusable, tls::Maker};

/// As many are kept; making one takes a millisecond.
const MAX_CLIENTS: usize = 256;

/// The clients, by a digest of what they prove themselves with.
pub(crate) struct Identities {
    maker: Maker,
    made: Mutex<HashMap<[u8; 32], reqwest::Client>>,
}

impl Identities {
    pub(crate) fn new(maker: Maker) -> Self {
        Self {
            maker,
            made: Mutex::default(),
        }
    }

    /// The client of this certificate and key.
    pub(crate) fn client(&self, text: &SecretString) -> Result<reqwest::Client, ProviderError> {
        let digest: [u8; 32] = Sha256::digest(text.expose().as_bytes()).into();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&digest) {
            return Ok(client.clone());
        }
        let client = self.make(text)?;
        if made.len() >= MAX_CLIENTS {
            made.clear();
        }
        made.insert(digest, client.clone());
        Ok(client)
    }

    fn make(&self, text: &SecretString) -> Result<reqwest::Client, ProviderError> {
        // The errors may quote the key.
        let bad = || unusable("the app's secret is no certificate with its key, in PEM");
        let text = pem::canonical(text);
        let text = text.expose().as_bytes();
        let chain = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| bad())?;
        let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| bad())?;
        let tls = self.maker.tls().map_err(unusable)?;
        // It checks that both belong together.
        let tls = tls.with_client_auth_cert(chain, key).map_err(|_| bad())?;
        self.maker.builder(tls).build().map_err(|_| bad())
    }
}
