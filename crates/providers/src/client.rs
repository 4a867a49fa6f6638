//! How the client proves itself (RFC 6749 section 2.3).

use std::collections::BTreeMap;

pub use jsonwebtoken::jwk::JwkSet;
use keyway_domain::secret::SecretString;
use reqwest::header::HeaderMap;

use crate::{
    Provider,
    assertion::{self, CLIENT_ASSERTION_TYPE},
    definition::{ClientAuthentication, Token},
    error::ProviderError,
    oauth1::Once,
    request::{self, unusable},
};

/// The client that proves itself.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a SecretString,
}

impl Client<'_> {
    /// What the connection itself must prove.
    pub(crate) fn certificate(&self, token: &Token) -> Option<SecretString> {
        let by_certificate = token.client_authentication == ClientAuthentication::TlsClientAuth;
        by_certificate.then(|| self.secret.clone())
    }

    /// Puts the proof where the endpoint wants it: into the headers, or among the parameters by the
    /// standard's names. An assertion is for `endpoint` unless the definition names another
    /// audience.
    pub(crate) fn prove(
        &self,
        token: &Token,
        endpoint: &str,
        headers: &mut HeaderMap,
        mut set: impl FnMut(&str, String),
        value: impl Fn(&str) -> Option<String>,
        once: &Once,
    ) -> Result<(), ProviderError> {
        match token.client_authentication {
            ClientAuthentication::Basic => request::basic(headers, self.id, self.secret)?,
            ClientAuthentication::BasicAndPost => {
                request::basic(headers, self.id, self.secret)?;
                set("client_id", self.id.to_owned());
                set("client_secret", self.secret.expose().clone());
            }
            ClientAuthentication::SecretAsUser => {
                let nothing = SecretString::from("");
                request::basic(headers, self.secret.expose(), &nothing)?;
            }
            ClientAuthentication::Post => {
                set("client_id", self.id.to_owned());
                set("client_secret", self.secret.expose().clone());
            }
            ClientAuthentication::None
            | ClientAuthentication::Header
            | ClientAuthentication::TlsClientAuth => {
                set("client_id", self.id.to_owned());
            }
            ClientAuthentication::PrivateKeyJwt | ClientAuthentication::ClientSecretJwt => {
                let fill = |template: &crate::template::Template| template.fill(&value);
                let rule = &token.client_assertion;
                let audience = rule.audience.as_ref().map(fill).transpose();
                let audience = audience.map_err(unusable)?;
                let audience = audience.as_deref().unwrap_or(endpoint);
                let key_id = rule.key_id.as_ref().map(fill).transpose();
                let key = (rule.algorithm, key_id.map_err(unusable)?);
                let proof = assertion::of_client(self, audience, key, once)?;
                set("client_id", self.id.to_owned());
                set("client_assertion_type", CLIENT_ASSERTION_TYPE.to_owned());
                set("client_assertion", proof);
            }
        }
        Ok(())
    }
}

impl Provider {
    /// The public keys that the provider checks an app's assertions with, as a set (RFC 7517); none
    /// where its clients prove themselves otherwise.
    ///
    /// # Errors
    /// [`ProviderError::Unusable`] if the app's secret is no private key.
    pub fn public_keys(
        &self,
        client_secret: &SecretString,
        variables: &BTreeMap<String, String>,
    ) -> Result<Option<JwkSet>, ProviderError> {
        let definition = &self.definition;
        let Some(token) = definition.token.as_ref().filter(|_| definition.has_keys()) else {
            return Ok(None);
        };
        let rule = &token.client_assertion;
        let value = |name: &str| definition.variable_value(variables, name);
        let key_id = rule.key_id.as_ref().map(|key_id| key_id.fill(value));
        let key_id = key_id.transpose().map_err(unusable)?;
        let key = assertion::public_key(client_secret, rule.algorithm, key_id)?;
        Ok(Some(JwkSet { keys: vec![key] }))
    }
}
