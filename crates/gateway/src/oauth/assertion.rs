//! `private_key_jwt`: a client proves itself by an assertion that its key signed (RFC 7523,
//! OpenID Connect Core section 9).

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{ids::OauthAppId, opaque::ProofId};
use keyway_store::OauthApp;
use keyway_vault::jws::{Claims, KeySet, Unverified};

use crate::{App, link::start::parse_id, oauth::error::OauthError};

/// `client_assertion_type` (RFC 7523 section 2.2).
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest that an assertion may be good for.
const MAX_LIFE: TimeDelta = TimeDelta::minutes(5);
/// By how much a client's clock may be wrong.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// An assertion whose form is good.
pub(crate) struct Assertion<'a> {
    token: Unverified<'a>,
}

impl<'a> Assertion<'a> {
    /// Reads an assertion.
    ///
    /// # Errors
    /// [`OauthError`] of a request or of a client that is not believed.
    pub(crate) fn parse(kind: Option<&str>, token: &'a str) -> Result<Self, OauthError> {
        if kind != Some(TYPE) {
            let why = "client_assertion_type must be that of RFC 7523.";
            return Err(OauthError::InvalidRequest(why.into()));
        }
        let token = Unverified::parse(token).map_err(|_| wrong("client_assertion malformed"))?;
        match token.header("typ") {
            None | Some("JWT" | "jwt" | "client-authentication+jwt") => Ok(Self { token }),
            Some(_) => Err(wrong("client_assertion of another type")),
        }
    }

    /// Whom it claims to be of: nothing is believed yet.
    pub(crate) fn client(&self) -> Option<OauthAppId> {
        parse_id(self.token.unverified_text("sub")?)
    }

    /// Checks it against the keys of the app.
    ///
    /// # Errors
    /// [`OauthError::InvalidClient`].
    pub(crate) fn verify(
        &self,
        app: &App,
        client: &OauthApp,
        endpoint: &str,
        now: DateTime<Utc>,
    ) -> Result<Proven, OauthError> {
        let keys = client.settings.jwks.as_ref();
        let keys = keys
            .and_then(|keys| KeySet::parse(keys).ok())
            .ok_or_else(|| wrong("the client has no keys"))?;
        let claims = verified(&self.token, &keys)?;
        check(app, &claims, client.id, endpoint, now)?;
        let jti = claims.text("jti").unwrap_or_default();
        let until = claims
            .date("exp")
            .and_then(|at| DateTime::from_timestamp(at, 0));
        let until = until.unwrap_or(now) + LEEWAY;
        Ok(Proven {
            id: ProofId::new(&client.id.to_string(), "client-assertion", jti),
            until,
        })
    }
}

/// An assertion of the client's own key, which may have been here before.
pub(crate) struct Proven {
    id: ProofId,
    until: DateTime<Utc>,
}

impl Proven {
    /// Takes it: it is good once.
    ///
    /// # Errors
    /// [`OauthError::InvalidClient`].
    pub(crate) async fn take(&self, app: &App) -> Result<(), OauthError> {
        if app
            .store
            .take_proof(app.ring.digest(&self.id), self.until)
            .await?
        {
            Ok(())
        } else {
            Err(wrong("client_assertion used before"))
        }
    }
}

fn verified(token: &Unverified<'_>, keys: &KeySet) -> Result<Claims, OauthError> {
    let candidates: Vec<_> = keys
        .candidates(token.header("kid"), token.algorithm())
        .collect();
    candidates
        .into_iter()
        .find_map(|key| token.clone().verify(key).ok())
        .ok_or_else(|| wrong("client_assertion signed by another key"))
}

fn check(
    app: &App,
    claims: &Claims,
    client: OauthAppId,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<(), OauthError> {
    let id = client.to_string();
    let is_ours = |name| claims.text(name) == Some(id.as_str());
    if !is_ours("iss") || !is_ours("sub") {
        return Err(wrong("client_assertion of another client"));
    }
    // Ours and nobody else's: what was made for another server as well could be that one's to send.
    let token_endpoint = app.public_url.join("/oauth/token");
    let ours = [app.public_url.as_str(), &token_endpoint, endpoint];
    let audiences = claims.audiences();
    if audiences.is_empty() || !audiences.iter().all(|audience| ours.contains(audience)) {
        return Err(wrong("client_assertion for another server"));
    }
    let date = |name| {
        claims
            .date(name)
            .and_then(|at| DateTime::from_timestamp(at, 0))
    };
    let expires = date("exp").ok_or_else(|| wrong("client_assertion without exp"))?;
    if expires <= now - LEEWAY {
        return Err(wrong("client_assertion expired"));
    }
    if expires > now + MAX_LIFE + LEEWAY {
        return Err(wrong("client_assertion good for over five minutes"));
    }
    for name in ["iat", "nbf"] {
        if claims.has(name) && date(name).is_none_or(|at| at > now + LEEWAY) {
            return Err(wrong("client_assertion of a later time"));
        }
    }
    match claims.text("jti") {
        Some(jti) if !jti.is_empty() && jti.len() <= MAX_JTI => Ok(()),
        _ => Err(wrong("client_assertion without jti")),
    }
}

fn wrong(detail: &'static str) -> OauthError {
    OauthError::InvalidClient {
        detail,
        basic: false,
    }
}
