//! Client certificates, which the operator's own edge has seen (RFC 8705): in headers that are
//! believed beside the edge's key alone.

use actix_web::{HttpRequest, http::header::HeaderMap};
use keyway_domain::SecretString;
use keyway_vault::{certificate::Certificate, digest::equal};

use crate::App;

/// The certificate in PEM, percent-encoded.
const CERTIFICATE: &str = "client-certificate";
/// `SUCCESS`, or `FAILED` with a reason.
const VERIFIED: &str = "client-certificate-ca-verified";
/// What the edge proves itself with.
const EDGE_KEY: &str = "keyway-edge-key";

/// A certificate whose holder speaks, as the edge says.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) certificate: Certificate,
    /// Whether a certificate authority that the edge trusts has signed it.
    pub(crate) is_verified: bool,
}

/// The certificate of a request. Headers without the edge's key are another's doing: they are
/// ignored, and logged.
pub(crate) fn presented(app: &App, request: &HttpRequest) -> Option<Presented> {
    let headers = request.headers();
    if !headers.contains_key(CERTIFICATE) && !headers.contains_key(VERIFIED) {
        return None;
    }
    match read(app.edge_key.as_ref(), headers) {
        Ok(presented) => Some(presented),
        Err(why) => {
            tracing::warn!(why, "client certificate headers are ignored");
            None
        }
    }
}

fn read(edge_key: Option<&SecretString>, headers: &HeaderMap) -> Result<Presented, &'static str> {
    let expected = edge_key.ok_or("no edge key is configured")?;
    let key = only(headers, EDGE_KEY).ok_or("the edge key is missing or doubled")?;
    if !equal(&SecretString::from(key), expected) {
        return Err("the edge key is wrong");
    }
    let pem = only(headers, CERTIFICATE).ok_or("the certificate is missing or doubled")?;
    let verified = only(headers, VERIFIED).ok_or("the verdict is missing or doubled")?;
    let is_verified = match verified {
        "SUCCESS" => true,
        other if other == "FAILED" || other.starts_with("FAILED:") => false,
        _ => return Err("the verdict is neither SUCCESS nor FAILED"),
    };
    let pem = percent_encoding::percent_decode_str(pem)
        .decode_utf8()
        .map_err(|_| "the certificate is not percent-encoded text")?;
    let certificate = Certificate::parse(&pem).ok_or("the certificate is none")?;
    Ok(Presented {
        certificate,
        is_verified,
    })
}

/// The one value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}
