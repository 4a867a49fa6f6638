//! What becomes of the answers: the credential's properties, and what they are by default.

use std::collections::BTreeMap;

use keyway_domain::credential::CredentialKind;
use serde::Deserialize;

use super::{Auth, Definition, RenewedWith};
use crate::source::{Root, Source};

/// What becomes of the answers. All of it has defaults: see [`Definition`]'s reader.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credential {
    /// Shape of the properties, such as `linear_oauth2`.
    pub kind: CredentialKind,
    /// The external account's id: the first source that is there.
    pub external_id: Vec<Source>,
    /// A name for people: the first source that is there.
    pub external_label: Vec<Source>,
    /// The properties by name.
    pub properties: BTreeMap<String, Property>,
}

/// One property of a credential.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// Where it comes from: the first source that is there.
    pub from: Vec<Source>,
    /// Whether it is sealed and masked.
    #[serde(default)]
    pub secret: bool,
    /// Whether the credential is good without it.
    #[serde(default)]
    pub optional: bool,
    /// The type to bring it to; as it is if absent.
    #[serde(rename = "as")]
    pub cast: Option<Cast>,
    /// True if the whole value matches this regular expression; the property is a boolean then.
    pub matches: Option<String>,
    /// Turns a boolean round.
    #[serde(default)]
    pub negate: bool,
}

/// Type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cast {
    /// A text; numbers are written out.
    String,
    /// A whole number; texts of digits are read.
    Integer,
    /// A boolean; the texts `true` and `false` are read.
    Boolean,
    /// A list of texts; a text is split at spaces and commas.
    List,
}

impl Credential {
    /// The property that gives back what this source yielded, with its name. Tokens and their like
    /// may have other sources besides; what names an account or a variable must be the property's
    /// only source.
    pub(crate) fn property_of(&self, root: Root, path: &str) -> Option<(&str, &Property)> {
        let is_it = |source: &Source| source.root == root && source.path == path;
        let gives_back = |property: &Property| {
            let alone = property.from.len() == 1 || root == Root::Granted;
            property.matches.is_none() && alone && property.from.iter().any(is_it)
        };
        let mut properties = self.properties.iter();
        let found = properties.find(|(_, property)| gives_back(property))?;
        Some((found.0, found.1))
    }
}

impl Definition {
    /// Fills in what the file need not say of the credential.
    pub(super) fn complete(&mut self, slug: &str) {
        if self.credential.kind.0.is_empty() {
            let ending = match self.auth {
                Auth::Oauth2 => "oauth2",
                Auth::ApiKey => "key",
                Auth::Basic => "password",
                Auth::ClientCredentials => "client_credentials",
                Auth::JwtBearer => "jwt",
                Auth::OAuth1 => "oauth1",
            };
            self.credential.kind = CredentialKind(format!("{}_{ending}", slug.replace('-', "_")));
        }
        if self.credential.external_id.is_empty() {
            self.credential.external_id = vec![Source::new(Root::Granted, "fingerprint")];
        }
        if self.credential.properties.is_empty() {
            self.credential.properties = self.usual_properties();
        }
    }

    /// Whether access tokens of this provider can be renewed at all.
    pub fn can_renew(&self) -> bool {
        self.refresh.is_some() || self.auth.is_minted()
    }

    /// Whether nothing but its access token tells one account of the provider from another.
    pub fn is_nameless(&self) -> bool {
        let mut sources = self.credential.external_id.iter();
        sources.all(Source::is_fingerprint)
    }

    fn usual_properties(&self) -> BTreeMap<String, Property> {
        let granted = |name: &str| vec![Source::new(Root::Granted, name)];
        let mut all = BTreeMap::new();
        let mut add = |name: &str, from: Vec<Source>, secret: bool, optional: bool| {
            let property = Property {
                from,
                secret,
                optional,
                ..Property::default()
            };
            all.insert(name.to_owned(), property);
        };
        if self.auth == Auth::Oauth2 || self.auth.is_minted() {
            add(
                "access_token",
                granted("access_token"),
                true,
                self.auth.is_minted(),
            );
            add("expires_at", granted("expires_at"), false, true);
            add("scope", granted("scope"), false, true);
        }
        let with_token =
            |refresh: &super::Refresh| refresh.renewed_with == RenewedWith::RefreshToken;
        if self.refresh.as_ref().is_some_and(with_token) {
            add("refresh_token", granted("refresh_token"), true, true);
        }
        if self.binds_tokens() {
            add("proof_key", granted("proof_key"), true, false);
        }
        for (name, variable) in &self.variables {
            let root = if variable.secret {
                Root::Secret
            } else {
                Root::Variable
            };
            add(name, vec![Source::new(root, name)], variable.secret, false);
        }
        for name in self.callback.parameters.keys() {
            let required = self
                .callback
                .parameters
                .get(name)
                .is_some_and(|rule| rule.required);
            add(
                name,
                vec![Source::new(Root::Callback, name)],
                false,
                !required,
            );
        }
        let named = |source: &&Source| {
            !source.is_fingerprint()
                && !matches!(source.root, Root::Variable | Root::Secret | Root::Callback)
        };
        let naming: Vec<&Source> = self.credential.external_id.iter().filter(named).collect();
        for (index, source) in naming.iter().enumerate() {
            let name = match index {
                0 => "account_id".to_owned(),
                later => format!("account_id_{}", later + 1),
            };
            add(&name, vec![(*source).clone()], false, naming.len() > 1);
        }
        let label = &self.credential.external_label;
        if !label.is_empty() && label.iter().all(|source| source.root != Root::Secret) {
            add("account_name", label.clone(), false, true);
        }
        all
    }
}
