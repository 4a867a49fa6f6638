//! Who asks: a client that proves itself in one of the ways that its app allows (RFC 6749 section
//! 2.3, RFC 7523, RFC 8705).

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderValue},
};
use base64ct::{Base64, Encoding as _};
use chrono::{DateTime, Utc};
use keyway_domain::{SecretString, client_settings::AuthenticationMethod};
use keyway_store::OauthApp;

use crate::{
    App,
    link::{parameters::Parameters, start::parse_id},
    oauth::{
        assertion::Assertion,
        certificate::{self, Presented},
        error::OauthError,
        secret::{self, Accepted, Disbelief, Guess},
    },
};

/// The client that proved itself: only [`authenticate`] makes one.
pub(crate) struct Client {
    pub(crate) app: OauthApp,
    /// The certificate that it speaks with, if it does.
    certificate: Option<Presented>,
}

impl Client {
    /// Whether anybody could be this client.
    pub(crate) fn is_public(&self) -> bool {
        self.app.settings.is_public()
    }

    /// `x5t#S256` of the certificate that its tokens are bound to, where they are.
    ///
    /// # Errors
    /// [`OauthError::InvalidRequest`] if they are to be, and no certificate came.
    pub(crate) fn bound_certificate(&self) -> Result<Option<&str>, OauthError> {
        if !self.app.settings.tls_client_certificate_bound_access_tokens {
            return Ok(None);
        }
        match &self.certificate {
            Some(presented) => Ok(Some(presented.certificate.thumbprint())),
            None => Err(OauthError::InvalidRequest(
                "The tokens of this client are bound to its certificate, and none came.".into(),
            )),
        }
    }
}

/// What a request brings along to prove its client.
enum Proof<'a> {
    Basic(Pair),
    Post(SecretString),
    Assertion(Assertion<'a>),
    /// No more than a name, and perhaps a certificate.
    Name,
}

/// User and password of `Authorization: Basic`.
struct Pair {
    client_id: String,
    /// As RFC 6749 section 2.3.1 encodes it, and as many libraries send it: as it is.
    readings: Vec<SecretString>,
}

/// Authenticates the client of a request to this endpoint.
///
/// # Errors
/// [`OauthError`].
pub(crate) async fn authenticate(
    app: &App,
    request: &HttpRequest,
    form: &Parameters,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<Client, OauthError> {
    let proof = proof(request, form)?;
    let name = form.one("client_id")?;
    let certificate = certificate::presented(app, request);
    let (method, found) = match proof {
        Proof::Basic(pair) => {
            if name.is_some_and(|name| name != pair.client_id) {
                return Err(disbelieved(true, "client_id of another client"));
            }
            let Pair {
                client_id,
                readings,
            } = &pair;
            let proven =
                secret::prove(app, request, client_id, readings, Accepted::Both, now).await?;
            (
                AuthenticationMethod::ClientSecretBasic,
                believed(true, proven)?,
            )
        }
        Proof::Post(secret) => {
            let name = required(name)?;
            let proven = secret::prove(app, request, name, &[secret], Accepted::Both, now).await?;
            (
                AuthenticationMethod::ClientSecretPost,
                believed(false, proven)?,
            )
        }
        Proof::Assertion(assertion) => {
            let found = asserted(app, request, name, assertion, endpoint, now).await?;
            (AuthenticationMethod::PrivateKeyJwt, found)
        }
        Proof::Name => named(app, request, required(name)?, certificate.as_ref(), now).await?,
    };
    if !found.settings.token_endpoint_auth_methods.contains(&method) {
        let basic = method == AuthenticationMethod::ClientSecretBasic;
        return Err(disbelieved(basic, "the app does not allow this method"));
    }
    Ok(Client {
        app: found,
        certificate,
    })
}

/// The one proof of a request: two are an attempt to be two clients at once.
fn proof<'a>(request: &HttpRequest, form: &'a Parameters) -> Result<Proof<'a>, OauthError> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next();
    if headers.next().is_some() {
        return Err(OauthError::InvalidRequest(
            "Authorization is repeated.".into(),
        ));
    }
    let secret = form.one("client_secret")?;
    let assertion = form.one("client_assertion")?;
    let kind = form.one("client_assertion_type")?;
    match (header, secret, assertion) {
        (Some(header), None, None) => Ok(Proof::Basic(basic(header)?)),
        (None, Some(secret), None) => Ok(Proof::Post(secret.into())),
        (None, None, Some(token)) => Ok(Proof::Assertion(Assertion::parse(kind, token)?)),
        (None, None, None) => Ok(Proof::Name),
        _ => Err(OauthError::InvalidRequest(
            "The client proves itself in more than one way.".into(),
        )),
    }
}

fn basic(header: &HeaderValue) -> Result<Pair, OauthError> {
    let malformed = || disbelieved(true, "Authorization is not Basic");
    let text = header.to_str().map_err(|_| malformed())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = Base64::decode_vec(encoded.trim()).map_err(|_| malformed())?;
    let decoded = SecretString::new(String::from_utf8(decoded).map_err(|_| malformed())?);
    let (client_id, secret) = decoded.expose().split_once(':').ok_or_else(malformed)?;
    let mut readings = vec![SecretString::from(secret)];
    if secret.contains(['%', '+']) {
        readings.push(SecretString::new(form_decoded(secret)));
    }
    Ok(Pair {
        // Some libraries encode even the hyphens of a UUID.
        client_id: form_decoded(client_id),
        readings,
    })
}

fn form_decoded(text: &str) -> String {
    let form = SecretString::new(format!("v={text}"));
    let mut read = url::form_urlencoded::parse(form.expose().as_bytes());
    read.next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The client whose key signed an assertion.
async fn asserted(
    app: &App,
    request: &HttpRequest,
    name: Option<&str>,
    assertion: Assertion<'_>,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<OauthApp, OauthError> {
    let id = assertion.client();
    if name.is_some_and(|name| parse_id(name) != id) {
        return Err(disbelieved(false, "client_id of another client"));
    }
    let guess = Guess::of(app, request, id);
    guess.allowed(app, now).map_err(|why| refused(false, why))?;
    let found = match id {
        Some(id) => app.store.find_oauth_app_of_client(id).await?,
        None => None,
    };
    let Some(found) = found else {
        guess.failed(app, now);
        return Err(disbelieved(false, "client_id unknown"));
    };
    match assertion.verify(app, &found, endpoint, now) {
        // What the client's own key has signed is no guess, even if it comes twice.
        Ok(proven) => proven.take(app).await.map(|()| found),
        Err(error) => {
            guess.failed(app, now);
            Err(error)
        }
    }
}

/// The client that only says its name: it must be known by its certificate, or be a public one.
async fn named(
    app: &App,
    request: &HttpRequest,
    name: &str,
    certificate: Option<&Presented>,
    now: DateTime<Utc>,
) -> Result<(AuthenticationMethod, OauthApp), OauthError> {
    let id = parse_id(name);
    let guess = Guess::of(app, request, id);
    guess.allowed(app, now).map_err(|why| refused(false, why))?;
    let found = match id {
        Some(id) => app.store.find_oauth_app_of_client(id).await?,
        None => None,
    };
    let Some(found) = found else {
        guess.failed(app, now);
        return Err(disbelieved(false, "client_id unknown"));
    };
    let settings = &found.settings;
    let allows = |method| settings.token_endpoint_auth_methods.contains(&method);
    if settings.is_public() {
        return Ok((AuthenticationMethod::None, found));
    }
    let Some(presented) = certificate else {
        return Err(disbelieved(false, "the client brings no proof"));
    };
    let subject = settings.tls_client_auth_subject_dn.as_deref();
    if allows(AuthenticationMethod::TlsClientAuth)
        && presented.is_verified
        && subject == Some(presented.certificate.subject())
    {
        return Ok((AuthenticationMethod::TlsClientAuth, found));
    }
    let thumbprint = presented.certificate.thumbprint();
    let known = &settings.tls_client_certificate_thumbprints;
    if allows(AuthenticationMethod::SelfSignedTlsClientAuth)
        && known.iter().any(|known| known == thumbprint)
    {
        return Ok((AuthenticationMethod::SelfSignedTlsClientAuth, found));
    }
    guess.failed(app, now);
    Err(disbelieved(false, "the certificate is another's"))
}

fn required(name: Option<&str>) -> Result<&str, OauthError> {
    name.ok_or_else(|| OauthError::InvalidRequest("client_id is missing.".into()))
}

fn believed(basic: bool, proven: Result<OauthApp, Disbelief>) -> Result<OauthApp, OauthError> {
    proven.map_err(|why| refused(basic, why))
}

fn refused(basic: bool, why: Disbelief) -> OauthError {
    match why {
        Disbelief::Wrong(detail) => disbelieved(basic, detail),
        Disbelief::SlowDown(wait) => OauthError::SlowDown(wait),
    }
}

fn disbelieved(basic: bool, detail: &'static str) -> OauthError {
    OauthError::InvalidClient { detail, basic }
}
