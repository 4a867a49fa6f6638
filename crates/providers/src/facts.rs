//! What a flow has learned so far: the values that templates and sources can name.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use chrono::SecondsFormat;
use keyway_domain::{secret::SecretString, token_set::TokenSet};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    Definition,
    dpop::ProofKey,
    error::Redaction,
    request::basic_pair,
    source::{Root, Source, at, find, text},
};

/// The values of one flow.
pub(crate) struct Facts<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a SecretString,
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) callback: &'a BTreeMap<String, String>,
    /// What the end user entered and nobody may see.
    pub(crate) entered: &'a BTreeMap<String, SecretString>,
    /// The token endpoint's answer as it came, and in the standard's terms.
    pub(crate) tokens: Option<(Value, TokenSet)>,
    pub(crate) id_token: Value,
    pub(crate) identity: Map<String, Value>,
    /// The account that was chosen of several.
    pub(crate) chosen: Value,
    /// What the tokens are bound to.
    pub(crate) proof_key: Option<&'a ProofKey>,
}

impl Facts<'_> {
    /// The value of a name in a template.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        let granted = self.tokens.as_ref().map(|(_, granted)| granted);
        match name {
            "client_id" => Some(self.client_id.to_owned()),
            "client_secret" => Some(self.client_secret.expose().clone()),
            // An imported credential may have none yet.
            "access_token" => {
                Some(granted?.access_token.expose().clone()).filter(|token| !token.is_empty())
            }
            "refresh_token" => Some(granted?.refresh_token.as_ref()?.expose().clone()),
            "refresh_or_access_token" => {
                let granted = granted?;
                let token = granted
                    .refresh_token
                    .as_ref()
                    .unwrap_or(&granted.access_token);
                Some(token.expose().clone())
            }
            _ => match name.split_once('.') {
                Some(("token", path)) => text(at(&self.tokens.as_ref()?.0, path)?),
                Some(("callback", name)) => self.callback.get(name).cloned(),
                Some(("identity", path)) => text(self.identity_at(path)?),
                Some(("id_token", path)) => text(at(&self.id_token, path)?),
                Some(("chosen", path)) => text(at(&self.chosen, path)?),
                Some(("secret", name)) => Some(self.entered.get(name)?.expose().clone()),
                _ => self.definition.variable_value(self.variables, name),
            },
        }
    }

    /// The value of a source.
    pub(crate) fn find(&self, source: &Source) -> Option<Value> {
        let path = source.path.as_str();
        match source.root {
            Root::Token => find(&self.tokens.as_ref()?.0, path),
            Root::Granted => self.granted(path),
            Root::Identity => match path.split_once('.') {
                Some((call, rest)) => find(self.identity.get(call)?, rest),
                None => self.identity.get(path).cloned(),
            },
            Root::Callback => self.callback.get(path).cloned().map(Value::String),
            Root::Variable => self
                .definition
                .variable_value(self.variables, path)
                .map(Value::String),
            Root::IdToken => find(&self.id_token, path),
            Root::Chosen => find(&self.chosen, path),
            Root::Secret => {
                let secret = self.entered.get(path)?;
                Some(Value::String(secret.expose().clone()))
            }
            Root::App => (path == "client_id").then(|| Value::String(self.client_id.to_owned())),
        }
    }

    /// Every secret in play, to be cut out of errors.
    pub(crate) fn redaction(&self) -> Redaction {
        let mut redaction = Redaction::default();
        redaction.add(self.client_secret);
        redaction.add(&basic_pair(self.client_id, self.client_secret));
        for secret in self.entered.values() {
            redaction.add(secret);
        }
        if let Some((_, granted)) = &self.tokens {
            redaction.add(&granted.access_token);
            for secret in [&granted.refresh_token, &granted.id_token]
                .into_iter()
                .flatten()
            {
                redaction.add(secret);
            }
        }
        redaction
    }

    fn identity_at(&self, path: &str) -> Option<&Value> {
        match path.split_once('.') {
            Some((call, rest)) => at(self.identity.get(call)?, rest),
            None => self.identity.get(path),
        }
    }

    fn granted(&self, name: &str) -> Option<Value> {
        let (_, granted) = self.tokens.as_ref()?;
        let secret = |secret: &SecretString| Value::String(secret.expose().clone());
        let moment = |at: chrono::DateTime<chrono::Utc>| {
            Value::String(at.to_rfc3339_opts(SecondsFormat::Secs, true))
        };
        match name {
            "access_token" => Some(secret(&granted.access_token)),
            "refresh_token" => granted.refresh_token.as_ref().map(secret),
            "token_type" => granted.token_type.clone().map(Value::String),
            "scope" => granted
                .scope
                .as_ref()
                .map(|scopes| Value::String(scopes.to_string())),
            "expires_at" => granted.expires_at.map(moment),
            "refresh_expires_at" => granted.refresh_expires_at.map(moment),
            "proof_key" => self.proof_key.map(|key| secret(key.text())),
            "fingerprint" => Some(Value::String(fingerprint(granted.access_token.expose()))),
            _ => None,
        }
    }
}

/// What stands for an account that nothing names: a digest of its access token, or of the key that
/// was entered. The same key entered again is the same account.
pub(crate) fn fingerprint(token: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(token.as_bytes()))
}
