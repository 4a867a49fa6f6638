//! From documented properties back to a grant: the definition's sources, read the other way round.

mod value;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use keyway_domain::{
    credential::{ExternalAccount, GrantSecrets, Properties},
    scope::Scopes,
};
use serde_json::{Map, Value};

use crate::{
    Definition, Provider,
    definition::Property,
    dpop::ProofKey,
    facts::fingerprint,
    shape,
    source::{Root, Source, text},
    variables::SetBy,
};

/// The longest id of an external account: it is in an index.
const MAX_EXTERNAL_ID: usize = 500;

/// What an import yields: all that a flow would have.
#[derive(Debug)]
pub struct Imported {
    /// Whose it is.
    pub external: ExternalAccount,
    /// The credential's properties.
    pub properties: Properties,
    /// The tokens and the other secret properties, ready to be sealed.
    pub secrets: GrantSecrets,
    /// The provider's variables, checked.
    pub variables: BTreeMap<String, String>,
    /// Type of the access token, if the properties tell.
    pub token_type: Option<String>,
    /// The granted scopes, if the properties tell.
    pub scopes: Option<Scopes>,
    /// When the access token ends. Now, if there is none yet, or nobody knows when it ends and it
    /// can be refreshed: it is due at once.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the refresh token ends, if the properties tell.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// A property that cannot be imported. Neither text repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProperty {
    /// `properties.<name>`.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl Provider {
    /// Reads the documented properties of a credential, an object with `kind`, for an app that was
    /// registered with these variables.
    ///
    /// What the admin sets comes from the app alone: it may name the host that the client secret is
    /// sent to, so whoever imports must not choose it.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn import(
        &self,
        registered: &BTreeMap<String, String>,
        properties: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Imported, Vec<InvalidProperty>> {
        let definition = &self.definition;
        let kind = &definition.credential.kind.0;
        if properties.get("kind").and_then(Value::as_str) != Some(kind) {
            return Err(vec![invalid("kind", format!("must be {kind}"))]);
        }
        let mut import = Import {
            definition,
            registered,
            given: properties,
            now,
            variables: BTreeMap::new(),
            read: BTreeMap::new(),
            faults: Vec::new(),
        };
        import.refuse_unknown();
        import.read_variables();
        import.read_properties();
        import.finish()
    }
}

fn invalid(name: &str, reason: impl Into<String>) -> InvalidProperty {
    InvalidProperty {
        field: format!("properties.{name}"),
        reason: reason.into(),
    }
}

/// An import under way.
struct Import<'a> {
    definition: &'a Definition,
    registered: &'a BTreeMap<String, String>,
    given: &'a Map<String, Value>,
    now: DateTime<Utc>,
    variables: BTreeMap<String, String>,
    /// The properties that are good, by name.
    read: BTreeMap<&'a str, Value>,
    faults: Vec<InvalidProperty>,
}

impl<'a> Import<'a> {
    fn refuse(&mut self, name: &str, reason: impl Into<String>) {
        self.faults.push(invalid(name, reason));
    }

    fn refuse_unknown(&mut self) {
        let known = &self.definition.credential.properties;
        for name in self.given.keys().filter(|name| *name != "kind") {
            if !known.contains_key(name) {
                let kind = &self.definition.credential.kind.0;
                self.faults
                    .push(invalid(name, format!("{kind} has no such property")));
            }
        }
    }

    /// `null` counts as absent.
    fn given(&self, name: &str) -> Option<&'a Value> {
        self.given.get(name).filter(|value| !value.is_null())
    }

    /// The variables, by the rules of a flow: given values checked, defaults for the others, and the
    /// admin's as the app was registered.
    fn read_variables(&mut self) {
        for (variable, rule) in &self.definition.variables {
            let property = self
                .definition
                .credential
                .property_of(Root::Variable, variable);
            let given = property.and_then(|(name, _)| Some((name, self.given(name)?)));
            let checked = given.map(|(name, value)| (name, value::variable(rule, value)));
            if rule.set_by == SetBy::Admin {
                self.read_registered(variable, checked);
                continue;
            }
            match checked {
                Some((_, Ok(value))) => {
                    self.variables.insert(variable.clone(), value);
                }
                Some((name, Err(reason))) => self.refuse(name, reason),
                None => {
                    if let Some(default) = &rule.default {
                        self.variables.insert(variable.clone(), default.clone());
                    }
                }
            }
        }
    }

    /// A variable of the admin's: what is given may only repeat it.
    fn read_registered(&mut self, variable: &str, given: Option<(&str, Result<String, String>)>) {
        let Some(registered) = self.registered.get(variable) else {
            let name = given.map_or(variable, |(name, _)| name);
            return self.refuse(
                name,
                "is not known: the OAuth app was registered without it",
            );
        };
        match given {
            Some((name, given)) if given.as_ref() != Ok(registered) => {
                self.refuse(
                    name,
                    format!("must be {registered}, as the OAuth app is registered"),
                );
            }
            _ => {
                self.variables
                    .insert(variable.to_owned(), registered.clone());
            }
        }
    }

    fn read_properties(&mut self) {
        for (name, property) in &self.definition.credential.properties {
            let given = self.given(name);
            if property
                .from
                .iter()
                .all(|source| source.root == Root::Variable)
            {
                self.read_computed(name, property, given);
                continue;
            }
            match given {
                Some(value) => match value::checked(self.definition, property, value) {
                    Ok(value) => {
                        self.read.insert(name, value);
                    }
                    Err(reason) => self.refuse(name, reason),
                },
                None if property.optional || self.can_wait(property) => {}
                None => self.refuse(name, "is required"),
            }
        }
    }

    /// A property that follows from the variables alone.
    fn read_computed(&mut self, name: &'a str, property: &Property, given: Option<&Value>) {
        let value = |source: &Source| {
            let definition = self.definition;
            definition.variable_value(&self.variables, &source.path)
        };
        let found = property.from.iter().find_map(value);
        let computed = found.and_then(|found| shape::cast(property, Value::String(found)));
        let is_own = self.is_variable(property);
        match computed {
            Some(computed) => {
                if given.is_some_and(|given| !is_own && *given != computed) {
                    self.refuse(name, format!("must be {computed}, by the other properties"));
                }
                self.read.insert(name, computed);
            }
            None if is_own && !property.optional && !self.is_refused(name) => {
                self.refuse(name, "is required");
            }
            // Its variable was refused, or is not needed.
            None => {}
        }
    }

    /// Whether a property is what sets a variable, which was brought to its form.
    fn is_variable(&self, property: &Property) -> bool {
        let mut variables = self.definition.variables.keys();
        variables.any(|name| {
            let sets = self.definition.credential.property_of(Root::Variable, name);
            sets.is_some_and(|(_, known)| std::ptr::eq(known, property))
        })
    }

    /// Whether a refresh will bring this property.
    fn can_wait(&self, property: &Property) -> bool {
        let brought = ["access_token", "expires_at"];
        self.is_refreshable()
            && !self.gives("access_token")
            && brought.iter().any(|name| value::comes_from(property, name))
    }

    fn is_refreshable(&self) -> bool {
        let with_token = self.definition.refresh.is_some() && self.gives("refresh_token");
        with_token || self.definition.auth.is_minted()
    }

    /// The key that an end user would have entered: it is the access token.
    fn entered_key(&self) -> Option<String> {
        let definition = self.definition;
        let is_key = definition.auth.is_entered() && !definition.auth.is_minted();
        let name = definition.entry_name().filter(|_| is_key)?;
        let (property, _) = definition.credential.property_of(Root::Secret, name)?;
        text(self.read.get(property)?)
    }

    fn gives(&self, granted: &str) -> bool {
        let property = self
            .definition
            .credential
            .property_of(Root::Granted, granted);
        property.is_some_and(|(name, _)| self.given(name).is_some())
    }

    fn finish(mut self) -> Result<Imported, Vec<InvalidProperty>> {
        let access_token = self
            .granted_text("access_token")
            .or_else(|| self.entered_key());
        let external = self.external(access_token.as_deref());
        let refresh_token = self.granted_text("refresh_token");
        if access_token.is_none() && !self.is_refreshable() {
            let token = self
                .definition
                .credential
                .property_of(Root::Granted, "access_token");
            let name = token.map_or("access_token", |(name, _)| name);
            if !self.is_refused(name) {
                self.refuse(name, "is required, as there is nothing to refresh with");
            }
        }
        let proof_key = self.proof_key();
        let known_end = self.granted("expires_at").and_then(value::moment);
        let is_due = self.is_refreshable() && (access_token.is_none() || known_end.is_none());
        let expires_at = if is_due { Some(self.now) } else { known_end };
        let (Some(external), true) = (external, self.faults.is_empty()) else {
            return Err(self.faults);
        };
        let mut properties = Properties::default();
        for (name, value) in &self.read {
            if self.is_secret(name) {
                properties.secret.insert((*name).to_owned(), value.clone());
            } else {
                properties.public.insert((*name).to_owned(), value.clone());
            }
        }
        if let Some((name, _)) = self
            .definition
            .credential
            .property_of(Root::Granted, "expires_at")
            && let Some(moment) = expires_at.filter(|_| is_due)
        {
            properties
                .public
                .insert(name.to_owned(), value::written(moment));
        }
        Ok(Imported {
            secrets: GrantSecrets {
                external_id: external.id.clone(),
                access_token,
                refresh_token,
                proof_key,
                properties: properties.secret.expose().clone(),
            },
            external,
            token_type: self.granted_text("token_type"),
            scopes: self.granted("scope").and_then(value::scopes),
            expires_at,
            refresh_expires_at: self.granted("refresh_expires_at").and_then(value::moment),
            properties,
            variables: self.variables,
        })
    }

    /// The key that the tokens are bound to. Without it they are good for nothing.
    fn proof_key(&mut self) -> Option<String> {
        if !self.definition.binds_tokens() {
            return None;
        }
        let credential = &self.definition.credential;
        let Some((name, _)) = credential.property_of(Root::Granted, "proof_key") else {
            self.refuse(
                "proof_key",
                "is kept by Keyway alone: connect the account here",
            );
            return None;
        };
        let Some(key) = self.granted_text("proof_key") else {
            if !self.is_refused(name) {
                self.refuse(name, "is required");
            }
            return None;
        };
        if ProofKey::read(&key.as_str().into()).is_err() {
            self.refuse(name, "must be a private JWK on P-256");
        }
        Some(key)
    }

    /// The account by the property that shares a source with the definition's `external_id`.
    fn external(&mut self, access_token: Option<&str>) -> Option<ExternalAccount> {
        let definition = self.definition;
        let credential = &definition.credential;
        let named = credential.external_id.iter().find_map(|source| {
            let (name, _) = credential.property_of(source.root, &source.path)?;
            Some((name, text(self.read.get(name)?)?))
        });
        let is_nameless = credential.external_id.iter().any(Source::is_fingerprint);
        let digest = access_token.filter(|_| is_nameless).map(fingerprint);
        let named = named.or_else(|| Some(("access_token", digest?)));
        let Some((name, id)) = named else {
            self.refuse_nameless();
            return None;
        };
        if id.len() > MAX_EXTERNAL_ID {
            self.refuse(name, format!("is longer than {MAX_EXTERNAL_ID} bytes"));
        }
        let label = credential.external_label.iter().find_map(|source| {
            let shared = credential
                .properties
                .iter()
                .filter(|(_, property)| property.from.contains(source) && !property.secret);
            shared
                .filter_map(|(name, _)| self.read.get(name.as_str()))
                .find_map(text)
        });
        Some(ExternalAccount { id, label })
    }

    /// Nothing names the account, though nothing else is wrong with what would.
    fn refuse_nameless(&mut self) {
        let definition = self.definition;
        let mut sources = definition.credential.external_id.iter();
        let first =
            sources.find_map(|source| definition.credential.property_of(source.root, &source.path));
        if let Some((name, _)) = first.filter(|(name, _)| !self.is_refused(name)) {
            self.refuse(name, "must be a text or a number: it names the account");
        }
    }

    fn is_refused(&self, name: &str) -> bool {
        let field = format!("properties.{name}");
        self.faults.iter().any(|fault| fault.field == field)
    }

    fn is_secret(&self, name: &str) -> bool {
        let properties = &self.definition.credential.properties;
        properties.get(name).is_some_and(|property| property.secret)
    }

    fn granted(&self, name: &str) -> Option<&Value> {
        let (property, _) = self
            .definition
            .credential
            .property_of(Root::Granted, name)?;
        self.read.get(property)
    }

    fn granted_text(&self, name: &str) -> Option<String> {
        self.granted(name).and_then(text)
    }
}
