//! Keyway's own tokens: access tokens (RFC 9068), bound to a key or a certificate where the client has
//! one, and id tokens (OpenID Connect Core section 2).

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    client_settings::{ACCESS_TOKEN_LIFETIME, IdTokenAlgorithm},
    ids::{CredentialId, OauthAppId, RefreshFamilyId},
};
use keyway_vault::{jws::Unverified, signing::SigningAlgorithm};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    App,
    error::Fault,
    oauth::{client_auth::Client, signing_keys::Keys},
};

/// How long an access token is good for.
pub(super) const LIFETIME: TimeDelta = ACCESS_TOKEN_LIFETIME;
/// How long an id token may be taken for the proof of a connection.
const ID_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// `typ` of an access token (RFC 9068 section 2.1): an id token is none.
const TYPE: &str = "at+jwt";

/// What a token is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding<'a> {
    /// Thumbprint of a key (RFC 9449 section 6.1).
    pub(super) key: Option<&'a str>,
    /// Thumbprint of a certificate (RFC 8705 section 3.1).
    pub(super) certificate: Option<&'a str>,
}

impl Binding<'_> {
    fn confirmation(&self) -> Option<Value> {
        let mut members = Map::new();
        for (name, value) in [("jkt", self.key), ("x5t#S256", self.certificate)] {
            members.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        (!members.is_empty()).then_some(Value::Object(members))
    }
}

/// Whose token it is, for what.
pub(super) struct Subject<'a> {
    pub(super) client: OauthAppId,
    pub(super) credential: CredentialId,
    pub(super) family: RefreshFamilyId,
    pub(super) scope: Option<&'a str>,
}

/// An access token for Keyway itself.
///
/// # Errors
/// [`Fault::Signing`].
pub(super) fn mint(
    app: &App,
    keys: &Keys,
    subject: &Subject<'_>,
    binding: &Binding<'_>,
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let issuer = app.public_url.as_str();
    let mut claims = json!({
        "iss": issuer,
        "aud": issuer,
        "sub": subject.credential.uuid(),
        "client_id": subject.client.uuid(),
        "sid": subject.family.uuid(),
        "jti": app.random.token().expose(),
        "iat": now.timestamp(),
        "exp": (now + LIFETIME).timestamp(),
    });
    if let Some(claims) = claims.as_object_mut() {
        claims.extend(subject.scope.map(|scope| ("scope".into(), scope.into())));
        claims.extend(binding.confirmation().map(|cnf| ("cnf".into(), cnf)));
    }
    keys.sign(SigningAlgorithm::Es256, TYPE, &claims, now)
}

/// An id token for this client.
///
/// # Errors
/// [`Fault::Signing`].
pub(super) fn id_token(
    app: &App,
    keys: &Keys,
    client: &Client,
    credential: CredentialId,
    nonce: Option<&str>,
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let mut claims = json!({
        "iss": app.public_url.as_str(),
        "sub": credential.uuid(),
        "aud": client.app.id.uuid(),
        "iat": now.timestamp(),
        "exp": (now + ID_TOKEN_LIFETIME).timestamp(),
    });
    if let (Some(claims), Some(nonce)) = (claims.as_object_mut(), nonce) {
        claims.insert("nonce".into(), nonce.into());
    }
    let algorithm = match client.app.settings.id_token_signed_response_alg {
        IdTokenAlgorithm::Es256 => SigningAlgorithm::Es256,
        IdTokenAlgorithm::Rs256 => SigningAlgorithm::Rs256,
    };
    keys.sign(algorithm, "JWT", &claims, now)
}

/// The credential that an id token of ours stands for, if it was issued to this client and is good.
///
/// # Errors
/// What is wrong with it, for the log.
pub(super) fn verify_id_token(
    app: &App,
    keys: &Keys,
    token: &str,
    client: OauthAppId,
    now: DateTime<Utc>,
) -> Result<CredentialId, &'static str> {
    let token = Unverified::parse(token).map_err(|_| "id token is no JWT of ours")?;
    if token.header("typ") != Some("JWT") {
        return Err("id token of another type");
    }
    let key = token.header("kid").and_then(|kid| keys.find(kid, now));
    let key = key.ok_or("id token signed by an unknown key")?;
    let claims = token
        .verify(key)
        .map_err(|_| "id token signed by another key")?;
    if claims.text("iss") != Some(app.public_url.as_str())
        || claims.audiences() != [client.to_string()]
    {
        return Err("id token of another client");
    }
    if claims.date("exp").is_none_or(|at| at <= now.timestamp()) {
        return Err("id token expired");
    }
    let sub = claims.text("sub").and_then(|sub| sub.parse::<Uuid>().ok());
    sub.map(CredentialId::from).ok_or("id token without sub")
}

/// What an access token says, once its signature, its time and its audience are good. Its family may
/// have ended since.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) client: OauthAppId,
    pub(super) credential: CredentialId,
    pub(super) family: RefreshFamilyId,
    pub(super) scope: Option<String>,
    pub(super) issued_at: i64,
    pub(super) expires_at: i64,
    pub(super) key: Option<String>,
    pub(super) certificate: Option<String>,
}

/// Reads an access token of ours (RFC 9068 section 4).
///
/// # Errors
/// What is wrong with it, for the log.
pub(super) fn verify(
    app: &App,
    keys: &Keys,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Verified, &'static str> {
    let token = Unverified::parse(token).map_err(|_| "access token is no JWT of ours")?;
    if token.header("typ") != Some(TYPE) {
        return Err("access token of another type");
    }
    let key = token.header("kid").and_then(|kid| keys.find(kid, now));
    let key = key.ok_or("access token signed by an unknown key")?;
    let claims = token
        .verify(key)
        .map_err(|_| "access token signed by another key")?;
    let issuer = app.public_url.as_str();
    if claims.text("iss") != Some(issuer) || claims.audiences() != [issuer] {
        return Err("access token of another server");
    }
    let expires_at = claims.date("exp").ok_or("access token without exp")?;
    if expires_at <= now.timestamp() {
        return Err("access token expired");
    }
    let id = |name| claims.text(name).and_then(|text| text.parse::<Uuid>().ok());
    let confirmation = |name| {
        let cnf = claims.all().get("cnf")?;
        Some(cnf.get(name)?.as_str()?.to_owned())
    };
    let (client, credential, family) = id("client_id")
        .zip(id("sub"))
        .zip(id("sid"))
        .map(|((client, credential), family)| (client, credential, family))
        .ok_or("access token without its ids")?;
    Ok(Verified {
        client: client.into(),
        credential: credential.into(),
        family: family.into(),
        scope: claims.text("scope").map(str::to_owned),
        issued_at: claims.date("iat").unwrap_or_default(),
        expires_at,
        key: confirmation("jkt"),
        certificate: confirmation("x5t#S256"),
    })
}
