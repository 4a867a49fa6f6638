//! HTTP clients from the ground up: what they trust, and how they behave.

use std::sync::Arc;

use reqwest::redirect;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert, pki_types::CertificateDer,
};

use crate::http::{CONNECT_TIMEOUT, GuardedResolver, HttpError, IDLE_TIMEOUT};

/// What clients are made with.
pub(crate) struct Maker {
    roots: Arc<RootCertStore>,
    resolver: GuardedResolver,
}

impl Maker {
    pub(crate) fn new(roots: RootCertStore, resolver: GuardedResolver) -> Self {
        Self {
            roots: Arc::new(roots),
            resolver,
        }
    }

    /// TLS, up to what the client proves.
    pub(crate) fn tls(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, HttpError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError(error.to_string()))?;
        Ok(config.with_root_certificates(Arc::clone(&self.roots)))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes an HTTP client"
    )]
    pub(crate) fn builder(&self, mut tls: ClientConfig) -> reqwest::ClientBuilder {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(self.resolver.clone()))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("Keyway/", env!("CARGO_PKG_VERSION")))
    }
}

/// The machine's certificate authorities, and more.
pub(crate) fn roots(additional: Vec<CertificateDer<'static>>) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for root in additional {
        roots
            .add(root)
            .map_err(|error| HttpError(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(HttpError(
            "no certificate authorities: install the package ca-certificates".into(),
        ));
    }
    Ok(roots)
}
