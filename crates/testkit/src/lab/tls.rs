//! A certificate authority of the lab's own, and a certificate for any host that is asked for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The authority that the lab's certificates come from.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    made: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Provider lab");
        let key = KeyPair::generate().expect("key");
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).expect("certificate"),
            made: Mutex::default(),
        }
    }

    /// What a client must trust.
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A certificate of this host, and its key, in PEM.
    pub(crate) fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().expect("key");
        let params = CertificateParams::new([host.to_owned()]).expect("host");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// The authority's own certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// TLS for every host there is.
    pub(crate) fn server_config(self: &Arc<Self>) -> ServerConfig {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver)
    }

    fn certificate(&self, host: &str) -> Arc<CertifiedKey> {
        let mut made = self.made.lock().expect("lock");
        let entry = made.entry(host.to_owned());
        Arc::clone(entry.or_insert_with(|| Arc::new(self.make(host))))
    }

    fn make(&self, host: &str) -> CertifiedKey {
        let key = KeyPair::generate().expect("key");
        let params = CertificateParams::new([host.to_owned()]).expect("host");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
        let signing = aws_lc_rs::sign::any_supported_type(&private).expect("key");
        CertifiedKey::new(vec![certificate.der().clone()], signing)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Without a name, the client came by address.
        Some(self.certificate(hello.server_name().unwrap_or("127.0.0.1")))
    }
}
