//! Credentials: what a provider granted for one external account.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use crate::{
    health::Health,
    ids::{AccountId, CredentialId, GrantId, OauthAppId},
    provider::ProviderSlug,
    scope::Scopes,
    sealed::Sealed,
};

/// What stands for a secret wherever one must not be shown.
pub const MASK: &str = "***********";

/// The shape of a credential's properties, such as `linear_oauth2`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialKind(pub String);

/// The account at the provider: a Salesforce org, a Shopify shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The provider's own id: with the OAuth app and the kind, the identity of a credential.
    pub id: String,
    /// A name for people, where the provider tells one.
    pub label: Option<String>,
}

/// The properties of a credential, split by whether they may be shown.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    /// May be shown and searched.
    pub public: Map<String, Value>,
    /// Sealed at rest, masked everywhere but in the answers that hand the credential out.
    pub secret: SecretProperties,
}

/// The secret half of a credential's properties, by name.
#[derive(Clone, Default)]
pub struct SecretProperties(BTreeMap<String, Value>);

impl SecretProperties {
    /// Adds a property.
    pub fn insert(&mut self, name: String, value: Value) {
        self.0.insert(name, value);
    }

    /// The names, which are no secret.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The properties in clear. Keep the borrow short.
    pub fn expose(&self) -> &BTreeMap<String, Value> {
        &self.0
    }
}

impl Drop for SecretProperties {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl std::fmt::Debug for SecretProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Properties {
    /// `kind`, the public and the secret properties as one JSON object: the form in which a
    /// credential is handed to the client backend.
    pub fn reveal(&self, kind: &CredentialKind) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("kind".into(), Value::String(kind.0.clone()));
        all.extend(self.public.clone());
        all.extend(self.secret.0.clone());
        all
    }
}

/// A grant, ready to be stored: what one exchange at the provider yielded.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Its id, which the seal is bound to.
    pub id: GrantId,
    /// Shape of the properties.
    pub kind: CredentialKind,
    /// Whose it is.
    pub external: ExternalAccount,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// Names of the sealed properties.
    pub secret_names: Vec<String>,
    /// The sealed properties ([`GrantSecrets`]).
    pub sealed_secrets: Sealed,
    /// Type of the access token, in the provider's spelling.
    pub token_type: Option<String>,
    /// The granted scopes.
    pub scopes: Option<Scopes>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// When the background refreshes it; none if it cannot be.
    pub refresh_at: Option<DateTime<Utc>>,
}

/// The plaintext under [`NewGrant::sealed_secrets`].
///
/// It repeats the external account: a grant that somebody hung under another credential of the
/// same account is noticed when it is opened.
#[derive(Clone, Serialize, Deserialize)]
pub struct GrantSecrets {
    /// The external account that the tokens belong to.
    pub external_id: String,
    /// The access token, wherever the properties put it.
    pub access_token: Option<String>,
    /// The refresh token, likewise.
    pub refresh_token: Option<String>,
    /// The key that the tokens are bound to (RFC 9449), a private JWK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_key: Option<String>,
    /// The secret properties by name.
    pub properties: BTreeMap<String, Value>,
}

impl std::fmt::Debug for GrantSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for GrantSecrets {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
        self.proof_key.zeroize();
        for value in self.properties.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

/// Why a credential cannot be named so, or given to such an end user; the sentence to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidText(&'static str);

/// A name that a client gives a credential.
///
/// # Errors
/// [`InvalidText`] unless it has 1 to 200 characters, none of them a control.
pub fn name(given: &str) -> Result<String, InvalidText> {
    bounded(given, 200, "1 to 200 characters, no control characters").map(str::to_owned)
}

fn bounded<'a>(text: &'a str, most: usize, why: &'static str) -> Result<&'a str, InvalidText> {
    let good = (1..=most).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control);
    good.then_some(text).ok_or(InvalidText(why))
}

/// Whom a credential belongs to on the client's side, as the client names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndUser {
    /// The client's own id for them.
    pub id: String,
    /// Their e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl EndUser {
    /// What is wrong with each field; nothing if all is well.
    pub fn problems(&self) -> Vec<(&'static str, InvalidText)> {
        let given = [
            ("id", Some(&self.id), 200),
            ("email", self.email.as_ref(), 320),
            ("name", self.name.as_ref(), 200),
        ];
        given
            .into_iter()
            .filter_map(|(field, text, most)| {
                let why = InvalidText("too long, empty, or with control characters");
                bounded(text?, most, why.0).err().map(|why| (field, why))
            })
            .collect()
    }
}

/// A credential as it is listed and shown: every secret masked by absence.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// A name that the client gave it.
    pub name: Option<String>,
    /// What the client keeps with it.
    pub metadata: Map<String, Value>,
    /// Whose it is on the client's side.
    pub end_user: Option<EndUser>,
    /// Counts the changes.
    pub revision: i64,
    /// Whether it works.
    pub health: Health,
    /// When the background refreshes it next.
    pub refresh_at: Option<DateTime<Utc>>,
    /// When it was last refreshed.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// The tenant.
    pub account_id: AccountId,
    /// The OAuth app that it was granted to.
    pub oauth_app_id: OauthAppId,
    /// Name of that app.
    pub oauth_app_name: String,
    /// The provider.
    pub provider: ProviderSlug,
    /// Shape of the properties.
    pub kind: CredentialKind,
    /// Whose it is.
    pub external: ExternalAccount,
    /// Properties that may be shown.
    pub public: Map<String, Value>,
    /// Names of the secret properties.
    pub secret_names: Vec<String>,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<DateTime<Utc>>,
    /// First connected.
    pub created_at: DateTime<Utc>,
    /// Last connected or changed.
    pub updated_at: DateTime<Utc>,
}
