//! A client of one's own making (RFC 7591).

use keyway_domain::{Random, SecretString, oauth_app};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Discovered, DiscoveryError, Method, fetch::failed, metadata::shown};
use crate::{
    assertion,
    dpop::ProofKey,
    error::Redaction,
    http::{Answer, HttpClient, Outgoing},
    request,
};

/// A client to register.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    /// Its name for people.
    pub name: &'a str,
    /// Keyway's callback URL.
    pub redirect_uri: &'a str,
}

/// A client that the server knows now.
#[derive(Debug)]
pub struct Registered {
    /// Its id.
    pub client_id: String,
    /// What it proves itself with: the server's secret, or the key that was made here. A client that
    /// proves nothing at the provider still does so to Keyway, by a secret of Keyway's making.
    pub client_secret: SecretString,
    /// The definition that fits it: a server may have a client prove itself by its secret in another
    /// way than was asked for (RFC 7591 section 3.2.1).
    pub discovered: Discovered,
}

#[derive(Deserialize)]
struct Said {
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    client_secret_expires_at: Option<i64>,
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
}

impl Discovered {
    /// Registers a client. A key for `private_key_jwt` is made here, and no more than its public half
    /// is sent.
    ///
    /// # Errors
    /// [`DiscoveryError::Unfit`] if the server takes no such registration, or
    /// [`DiscoveryError::NotRegistered`] with its own words.
    pub async fn register(
        &self,
        http: &HttpClient,
        registration: Registration<'_>,
        random: &dyn Random,
    ) -> Result<Registered, DiscoveryError> {
        let Some(url) = &self.registration_endpoint else {
            return Err(DiscoveryError::Unfit(
                "the server does not let clients register themselves; make one there and use `keyway oauth-apps create`"
                    .into(),
            ));
        };
        let key = self.key(random)?;
        let mut headers = request::json_headers();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = self.request(registration, key.as_ref())?;
        let sending = http.send(Outgoing {
            method: reqwest::Method::POST,
            url: url.clone(),
            headers,
            body: Some(body.to_string().into_bytes()),
            certificate: None,
        });
        let answer = sending.await.map_err(|error| failed(url, error))?;
        let said = read(&answer)?;
        self.check(&said, registration)?;
        let bad = |words: &str| DiscoveryError::NotRegistered(format!("its answer {words}"));
        let id = said.client_id.as_deref().unwrap_or_default();
        let client_id = oauth_app::client_id(id).map_err(|_| bad("has no client_id"))?;
        let client_secret = match (self.client_authentication, key) {
            (_, Some(key)) => key,
            (Method::None, None) => random.token(),
            (_, None) => {
                let secret = said.client_secret.unwrap_or_else(|| "".into());
                oauth_app::client_secret(&secret).map_err(|_| bad("has no client_secret"))?
            }
        };
        Ok(Registered {
            client_id,
            client_secret,
            discovered: self.fitting(said.token_endpoint_auth_method.as_deref())?,
        })
    }

    fn key(&self, random: &dyn Random) -> Result<Option<SecretString>, DiscoveryError> {
        let unfit = |words: &str| Err(DiscoveryError::Unfit(words.to_owned()));
        match self.client_authentication {
            Method::PrivateKeyJwt if self.signs_es256 => {
                let made = ProofKey::generate(random);
                let made = made.map_err(|error| DiscoveryError::Unfit(error.to_string()))?;
                Ok(Some(made.pem()))
            }
            Method::PrivateKeyJwt => unfit("the server takes no assertions that ES256 signs"),
            Method::TlsClientAuth => {
                unfit("Keyway makes no certificates: register the client at the server")
            }
            _ => Ok(None),
        }
    }

    /// The client's metadata (section 2).
    fn request(
        &self,
        registration: Registration<'_>,
        key: Option<&SecretString>,
    ) -> Result<Value, DiscoveryError> {
        let mut grants = vec!["authorization_code"];
        if self.renews {
            grants.push("refresh_token");
        }
        let mut body = json!({
            "client_name": registration.name,
            "redirect_uris": [registration.redirect_uri],
            "response_types": ["code"],
            "grant_types": grants,
            "token_endpoint_auth_method": self.client_authentication.as_str(),
        });
        let mut set = |name: &str, value: Value| {
            if let Some(members) = body.as_object_mut() {
                members.insert(name.to_owned(), value);
            }
        };
        if !self.scopes.is_empty() {
            set("scope", self.scopes.join(" ").into());
        }
        if self.is_bound {
            set("dpop_bound_access_tokens", true.into());
        }
        if let Some(key) = key {
            let public = assertion::public_key(key, None, None);
            let public = public.map_err(|error| DiscoveryError::Unfit(error.to_string()))?;
            set("jwks", json!({"keys": [public]}));
            set("token_endpoint_auth_signing_alg", "ES256".into());
        }
        Ok(body)
    }

    /// The definition for a client that proves itself so.
    fn fitting(&self, method: Option<&str>) -> Result<Self, DiscoveryError> {
        match method.map(str::parse) {
            Some(Ok(method)) if method != self.client_authentication => {
                let mut source = self.source.clone();
                source.wishes.slug = Some(self.slug.clone());
                source.wishes.client_authentication = Some(method);
                source.written()
            }
            _ => Ok(self.clone()),
        }
    }

    /// A server may register another client than was asked for (section 3.2.1): one that does not prove
    /// itself by what we hold, or that may not come back here, is of no use.
    fn check(&self, said: &Said, asked: Registration<'_>) -> Result<(), DiscoveryError> {
        let bad = |words: String| Err(DiscoveryError::NotRegistered(words));
        let ours = self.client_authentication.as_str();
        let by_secret = |name: &str| matches!(name, "client_secret_basic" | "client_secret_post");
        if let Some(theirs) = said.token_endpoint_auth_method.as_deref()
            && theirs != ours
            && !(by_secret(theirs) && by_secret(ours))
        {
            return bad(format!(
                "it made one that proves itself by {}, and not by {ours}",
                shown(theirs)
            ));
        }
        let is_ours = |uris: &Vec<String>| uris.iter().any(|uri| uri == asked.redirect_uri);
        if said
            .redirect_uris
            .as_ref()
            .is_some_and(|uris| !is_ours(uris))
        {
            return bad("it made one that may not use Keyway's callback URL".into());
        }
        let ends = said.client_secret_expires_at.unwrap_or_default();
        if ends != 0 && said.client_secret.is_some() {
            return bad("it made one whose secret expires, which Keyway could not renew".into());
        }
        Ok(())
    }
}

/// The client, or the server's words (section 3.2.2). An answer may hold a secret, and none of it is
/// quoted but an error's two members.
fn read(answer: &Answer) -> Result<Said, DiscoveryError> {
    let bad = |words: String| Err(DiscoveryError::NotRegistered(words));
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return bad(format!("{} without JSON", answer.status));
    };
    if !matches!(answer.status, 200 | 201) {
        let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (error, words) = (member("error"), member("error_description"));
        let words = Redaction::default().words(&format!("{} {error}: {words}", answer.status));
        return bad(words.trim_end_matches([' ', ':']).to_owned());
    }
    match serde_json::from_value(body) {
        Ok(said) => Ok(said),
        Err(_) => bad("its answer cannot be read".into()),
    }
}
