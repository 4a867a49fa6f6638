//! Proofs of possession of a key (RFC 9449).

use actix_web::HttpRequest;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::opaque::ProofId;
use keyway_vault::jws::{Claims, PublicKey, Unverified};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{App, error::Fault};

/// How old a proof may be, and by how much a client's clock may be ahead.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// Why a proof is not taken.
#[derive(Debug)]
pub(crate) enum BadProof {
    /// It is not one of this request, of this moment, or was here before.
    Invalid(&'static str),
    /// It must hold this nonce.
    Nonce {
        nonce: String,
        detail: &'static str,
    },
    Fault(Fault),
}

impl From<keyway_store::StoreError> for BadProof {
    fn from(error: keyway_store::StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// What a proof must fit.
pub(crate) struct Expected<'a> {
    /// Whether it must hold our nonce; one that is there must be ours in any case.
    pub(crate) nonce: bool,
    /// The access token that it comes with, at a resource.
    pub(crate) access_token: Option<&'a str>,
}

/// The thumbprint of the key that the request proves; `None` if it brings no proof.
///
/// # Errors
/// [`BadProof`]. What else the request holds is not spent by then.
pub(crate) async fn prove(
    app: &App,
    request: &HttpRequest,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, BadProof> {
    let mut headers = request.headers().get_all("dpop");
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(BadProof::Invalid("There is more than one DPoP proof."));
    }
    let text = header
        .to_str()
        .map_err(|_| BadProof::Invalid("The DPoP proof is not a JWT."))?;
    let (key, claims) = verified(text)?;
    fits(app, request, &claims, expected, now)?;
    let jti = claims
        .text("jti")
        .filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI)
        .ok_or(BadProof::Invalid("The DPoP proof has no jti."))?;
    // Last, so that what is refused for its nonce can come again.
    let id = ProofId::new(key.thumbprint(), "dpop", jti);
    if !app
        .store
        .take_proof(app.ring.digest(&id), now + WINDOW * 2)
        .await?
    {
        return Err(BadProof::Invalid("The DPoP proof was used before."));
    }
    Ok(Some(key.thumbprint().to_owned()))
}

fn verified(text: &str) -> Result<(PublicKey, Claims), BadProof> {
    let malformed = |_| BadProof::Invalid("The DPoP proof is not a JWT that is taken here.");
    let proof = Unverified::parse(text).map_err(malformed)?;
    if proof.header("typ") != Some("dpop+jwt") {
        return Err(BadProof::Invalid("The DPoP proof is of another type."));
    }
    let key = proof
        .embedded_key()
        .map_err(|_| BadProof::Invalid("The DPoP proof has no public key that is taken here."))?;
    let claims = proof
        .verify(&key)
        .map_err(|_| BadProof::Invalid("The DPoP proof is signed by another key."))?;
    Ok((key, claims))
}

/// Whether it is a proof for this request, of this moment (RFC 9449 section 4.3).
fn fits(
    app: &App,
    request: &HttpRequest,
    claims: &Claims,
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<(), BadProof> {
    if claims.text("htm") != Some(request.method().as_str()) {
        return Err(BadProof::Invalid("The DPoP proof is for another method."));
    }
    let here = app.public_url.join(request.uri().path());
    if claims.text("htu").and_then(without_query) != without_query(&here) {
        return Err(BadProof::Invalid("The DPoP proof is for another URL."));
    }
    let made = claims
        .date("iat")
        .and_then(|at| DateTime::from_timestamp(at, 0));
    if made.is_none_or(|at| at < now - WINDOW || at > now + WINDOW) {
        return Err(BadProof::Invalid("The DPoP proof is of another time."));
    }
    if let Some(token) = expected.access_token {
        let hash = Base64UrlUnpadded::encode_string(&Sha256::digest(token));
        if claims.text("ath") != Some(hash.as_str()) {
            return Err(BadProof::Invalid(
                "The DPoP proof is for another access token.",
            ));
        }
    }
    let wanted = |detail| BadProof::Nonce {
        nonce: app.ring.proof_nonce(now),
        detail,
    };
    match claims.text("nonce") {
        Some(nonce) if app.ring.is_proof_nonce(nonce, now) => Ok(()),
        Some(_) => Err(wanted("nonce of another time")),
        None if expected.nonce || claims.has("nonce") => Err(wanted("nonce missing")),
        None => Ok(()),
    }
}

/// A URL as RFC 9449 section 4.3 compares it: normalised, without query and fragment.
fn without_query(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}
