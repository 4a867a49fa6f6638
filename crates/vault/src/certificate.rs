//! Certificates of clients (RFC 8705): who they are made for, and which one it is.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};
use x509_cert::der::{DecodePem as _, Encode as _};

/// The longest in PEM that is looked at, in bytes.
const MAX_PEM: usize = 8 * 1024;

/// A certificate. Nobody has checked who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    subject: String,
    thumbprint: String,
}

impl Certificate {
    /// Reads one certificate in PEM; `None` if it is none.
    pub fn parse(pem: &str) -> Option<Self> {
        if pem.len() > MAX_PEM {
            return None;
        }
        let read = x509_cert::Certificate::from_pem(pem).ok()?;
        let der = read.to_der().ok()?;
        Some(Self {
            subject: read.tbs_certificate.subject.to_string(),
            thumbprint: Base64UrlUnpadded::encode_string(&Sha256::digest(der)),
        })
    }

    /// The subject, as RFC 4514 writes it: `CN=client,O=Acme`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// SHA-256 of the whole, in base64url: `x5t#S256` (RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}
