//! What becomes of the answers, and whether an import can go the other way.

use std::collections::BTreeSet;

use super::{call_templates, names, pattern};
use crate::{
    Definition,
    definition::Property,
    source::{Root, Source},
    template::Template,
    variables::SetBy,
};

pub(super) fn sources(definition: &Definition) -> impl Iterator<Item = &Source> {
    let credential = &definition.credential;
    let properties = credential.properties.values();
    credential
        .external_id
        .iter()
        .chain(&credential.external_label)
        .chain(properties.flat_map(|property| &property.from))
}

pub(super) fn check(definition: &Definition, findings: &mut Vec<String>) {
    let credential = &definition.credential;
    if credential.properties.contains_key("kind") {
        findings.push("credential.properties: kind is set by Keyway".into());
    }
    for source in sources(definition) {
        if !has_value(definition, source) {
            findings.push(format!("credential: {source} has no value"));
        }
    }
    for source in &credential.external_id {
        let rule = definition.variables.get(&source.path);
        if source.root == Root::Variable && rule.is_some_and(|rule| rule.set_by == SetBy::Admin) {
            findings.push(format!(
                "credential.external_id: {source} is the admin's to set, so all end users of an app would share one credential"
            ));
        }
    }
    if let Some(choice) = &definition.choice
        && !has_value(definition, &choice.from)
    {
        findings.push(format!("choice.from: {} has no value", choice.from));
    }
    for (name, property) in &credential.properties {
        if let Some(text) = &property.matches {
            pattern(&format!("credential.properties.{name}"), text, findings);
        }
        if looks_secret(name, property) && !property.secret {
            findings.push(format!(
                "credential.properties.{name}: holds a token, so it must be secret"
            ));
        }
    }
    for (name, rule) in &definition.variables {
        if rule.secret && credential.property_of(Root::Secret, name).is_none() {
            findings.push(format!(
                "variables.{name}: no property comes from secret.{name} alone, so it would be lost"
            ));
        }
    }
}

fn has_value(definition: &Definition, source: &Source) -> bool {
    let rule = |name: &str| definition.variables.get(name);
    match source.root {
        Root::Identity => names::is_identity(&definition.identity, &source.path),
        Root::Callback => definition.callback.parameters.contains_key(&source.path),
        Root::Variable => names::known_variables(definition).contains(source.path.as_str()),
        Root::Secret => rule(&source.path).is_some_and(|rule| rule.secret),
        Root::Chosen => definition.choice.is_some(),
        Root::Granted => {
            matches!(
                source.path.as_str(),
                "access_token"
                    | "refresh_token"
                    | "token_type"
                    | "scope"
                    | "expires_at"
                    | "refresh_expires_at"
                    | "fingerprint"
            ) || (source.path == "proof_key" && definition.binds_tokens())
        }
        Root::App => source.path == "client_id",
        Root::Token | Root::IdToken => true,
    }
}

/// What an import cannot do without: properties that give back whose the tokens are, and every
/// variable that is needed after the flow began.
pub(super) fn inverse(definition: &Definition, findings: &mut Vec<String>) {
    let credential = &definition.credential;
    for source in &credential.external_id {
        let is_given = credential.property_of(source.root, &source.path).is_some();
        if !is_given && !source.is_fingerprint() {
            findings.push(format!(
                "credential.external_id: no property comes from {source} alone, so an import could not name the account"
            ));
        }
    }
    let needed: BTreeSet<&str> = later_templates(definition)
        .flat_map(Template::names)
        .collect();
    for (name, variable) in &definition.variables {
        let mut settings = variable.choices.iter().flat_map(|choice| choice.set.keys());
        let is_needed = needed.contains(name.as_str())
            || settings.any(|setting| needed.contains(setting.as_str()));
        if is_needed && credential.property_of(Root::Variable, name).is_none() {
            findings.push(format!(
                "variables.{name}: no property comes from variable.{name} alone, so an import could not set it"
            ));
        }
    }
}

/// The templates that are used after the authorization.
fn later_templates(definition: &Definition) -> impl Iterator<Item = &Template> {
    let tokens = definition.token.iter().chain(&definition.long_lived);
    let refresh = definition.refresh.iter();
    let api = definition.api.iter();
    tokens
        .flat_map(|token| {
            let assertion = &token.client_assertion;
            std::iter::once(&token.url)
                .chain(token.parameters.values())
                .chain(assertion.audience.iter().chain(&assertion.key_id))
        })
        .chain(refresh.flat_map(|refresh| refresh.url.iter().chain(refresh.parameters.values())))
        .chain(definition.revoke.iter().flat_map(call_templates))
        .chain(api.flat_map(|api| std::iter::once(&api.base_url).chain(api.headers.values())))
}

fn looks_secret(name: &str, property: &Property) -> bool {
    let token = |source: &Source| {
        source.root == Root::Secret
            || matches!(source.root, Root::Granted | Root::Token)
                && (source.path.ends_with("access_token")
                    || source.path.ends_with("refresh_token")
                    || source.path == "proof_key")
    };
    matches!(
        name,
        "access_token" | "refresh_token" | "secret" | "password"
    ) || (property.matches.is_none() && property.from.iter().any(token))
}
