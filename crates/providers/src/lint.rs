//! The linter: what types alone do not catch in a definition.

use std::collections::BTreeSet;

use crate::{
    Definition,
    api::{Api, ApiAuthorization},
    definition::{Call, Identity, Pkce, Property},
    host,
    source::{Root, Source},
    template::Template,
    variables::{Variable, whole},
};

/// Everything that is wrong with a definition, a sentence each; empty if it is good.
pub fn check(definition: &Definition) -> Vec<String> {
    let mut findings = Vec::new();
    variables(definition, &mut findings);
    urls(definition, &mut findings);
    scopes(definition, &mut findings);
    names(definition, &mut findings);
    credential(definition, &mut findings);
    inverse(definition, &mut findings);
    api(definition, &mut findings);
    if definition.documentation.scheme() != "https" {
        findings.push("documentation: name the vendor's https page".into());
    }
    if definition.token.parameters.contains_key("grant_type") {
        findings.push("token.parameters: grant_type is set by Keyway".into());
    }
    for (name, parameter) in &definition.callback.parameters {
        pattern(
            &format!("callback.parameters.{name}"),
            &parameter.pattern,
            &mut findings,
        );
    }
    if definition.callback.issuer_required && definition.callback.issuer.is_none() {
        findings.push("callback: issuer_required needs an issuer".into());
    }
    let no_secret =
        definition.token.client_authentication == crate::definition::ClientAuthentication::None;
    if no_secret && definition.authorize.pkce != Pkce::Required {
        findings.push("token: a client without a secret needs pkce = \"required\"".into());
    }
    findings
}

fn variables(definition: &Definition, findings: &mut Vec<String>) {
    for (name, variable) in &definition.variables {
        let at = format!("variables.{name}");
        match (&variable.pattern, variable.choices.is_empty()) {
            (Some(text), true) => pattern(&at, text, findings),
            (None, false) => {}
            (None, true) => findings.push(format!("{at}: needs a pattern or choices")),
            (Some(_), false) => {
                findings.push(format!("{at}: has choices, so the pattern is never used"));
            }
        }
        for (what, value) in [
            ("default", &variable.default),
            ("example", &variable.example),
        ] {
            if let Some(value) = value
                && variable.check(value).is_err()
            {
                findings.push(format!("{at}: the {what} {value:?} is not of its own form"));
            }
        }
        same_settings(&at, variable, findings);
    }
}

fn same_settings(at: &str, variable: &Variable, findings: &mut Vec<String>) {
    let sets: BTreeSet<Vec<&String>> = variable
        .choices
        .iter()
        .map(|choice| choice.set.keys().collect())
        .collect();
    if sets.len() > 1 {
        findings.push(format!("{at}: every choice must set the same names"));
    }
}

fn pattern(at: &str, text: &str, findings: &mut Vec<String>) {
    if whole(text).is_none() {
        findings.push(format!("{at}: {text:?} is no regular expression"));
    }
}

/// Every URL: https (http on loopback), and an allow-list wherever a name stands in the host.
fn urls(definition: &Definition, findings: &mut Vec<String>) {
    let mut check = |at: &str, template: &Template| match template.literal_origin() {
        Some(url) if url.scheme() == "https" || host::is_loopback(&url) => {}
        Some(_) => findings.push(format!("{at}: use https")),
        None if definition.hosts.is_empty() => {
            findings.push(format!(
                "{at}: a name stands in the host, so `hosts` must list where it may lead"
            ));
        }
        None => {}
    };
    check("authorize.url", &definition.authorize.url);
    check("token.url", &definition.token.url);
    if let Some(url) = definition
        .refresh
        .as_ref()
        .and_then(|refresh| refresh.url.as_ref())
    {
        check("refresh.url", url);
    }
    if let Some(call) = &definition.revoke {
        check("revoke.url", &call.url);
    }
    if let Some(api) = &definition.api {
        check("api.base_url", &api.base_url);
    }
    for identity in &definition.identity {
        check(
            &format!("identity.{}.url", identity.name),
            &identity.request.url,
        );
    }
}

fn scopes(definition: &Definition, findings: &mut Vec<String>) {
    let authorize = &definition.authorize;
    for (at, list) in [
        ("authorize.default_scopes", &authorize.default_scopes),
        ("authorize.mandatory_scopes", &authorize.mandatory_scopes),
    ] {
        let unique: BTreeSet<&String> = list.iter().collect();
        if unique.len() != list.len() {
            findings.push(format!("{at}: a scope is repeated"));
        }
        if keyway_domain::scope::Scopes::from_list(list.iter().map(String::as_str)).is_err() {
            findings.push(format!("{at}: a scope is outside RFC 6749 section 3.3"));
        }
        if !list.is_empty() && authorize.scope_parameter.is_empty() {
            findings.push(format!(
                "{at}: scopes without a scope_parameter are never sent"
            ));
        }
    }
}

/// Every name in a template must be one that has a value there.
fn names(definition: &Definition, findings: &mut Vec<String>) {
    let mut used = BTreeSet::new();
    let known = known_variables(definition);
    let mut before_tokens = |at: &str, template: &Template| {
        for name in template.names() {
            used.insert(name.to_owned());
            if !known.contains(name) {
                findings.push(format!("{at}: {{{name}}} is no variable"));
            }
        }
    };
    before_tokens("authorize.url", &definition.authorize.url);
    before_tokens("token.url", &definition.token.url);
    for (name, template) in definition
        .authorize
        .parameters
        .iter()
        .chain(&definition.token.parameters)
    {
        before_tokens(name, template);
    }
    if let Some(issuer) = &definition.callback.issuer {
        before_tokens("callback.issuer", issuer);
    }
    if let Some(refresh) = &definition.refresh {
        refresh
            .url
            .iter()
            .for_each(|url| before_tokens("refresh.url", url));
        refresh
            .parameters
            .iter()
            .for_each(|(name, template)| before_tokens(name, template));
    }
    let mut in_call = |at: &str, call: &Call, has_value: &dyn Fn(&str) -> bool| {
        for name in call_templates(call).flat_map(Template::names) {
            used.insert(name.to_owned());
            if !known.contains(name) && !has_value(name) {
                findings.push(format!("{at}: {{{name}}} has no value there"));
            }
        }
    };
    for (index, identity) in definition.identity.iter().enumerate() {
        let earlier = definition.identity.get(..index).unwrap_or_default();
        in_call(&identity.name, &identity.request, &|name| {
            is_flow_value(definition, earlier, name)
        });
    }
    if let Some(call) = &definition.revoke {
        in_call("revoke", call, &|name| is_kept_value(definition, name));
    }
    for name in definition
        .api
        .iter()
        .flat_map(api_templates)
        .flat_map(Template::names)
    {
        used.insert(name.to_owned());
        let is_kept =
            name == "access_token" || (!is_credential(name) && is_kept_value(definition, name));
        if !known.contains(name) && !is_kept {
            findings.push(format!("api: {{{name}}} has no value there"));
        }
    }
    for source in sources(definition) {
        if source.root == Root::Variable {
            used.insert(source.path.clone());
        }
    }
    for (name, variable) in &definition.variables {
        let sets = variable.choices.iter().flat_map(|choice| choice.set.keys());
        let settings: Vec<&String> = sets.collect();
        if !used.contains(name) && !settings.iter().any(|setting| used.contains(*setting)) {
            findings.push(format!("variables.{name}: is never used"));
        }
    }
}

fn known_variables(definition: &Definition) -> BTreeSet<&str> {
    let names = definition.variables.keys().map(String::as_str);
    let choices = definition
        .variables
        .values()
        .flat_map(|variable| &variable.choices);
    names
        .chain(choices.flat_map(|choice| choice.set.keys().map(String::as_str)))
        .collect()
}

fn api_templates(api: &Api) -> impl Iterator<Item = &Template> {
    std::iter::once(&api.base_url).chain(api.headers.values())
}

/// What the types of `[api]` do not catch.
fn api(definition: &Definition, findings: &mut Vec<String>) {
    let Some(api) = &definition.api else { return };
    let names_token = |template: &Template| template.names().any(|name| name == "access_token");
    if names_token(&api.base_url) {
        findings.push("api.base_url: a URL must not hold the access token".into());
    }
    if api.authorization == ApiAuthorization::None && !api.headers.values().any(names_token) {
        findings.push("api: nothing sends the access token".into());
    }
}

fn call_templates(call: &Call) -> impl Iterator<Item = &Template> {
    std::iter::once(&call.url)
        .chain(call.headers.values())
        .chain(call.query.values())
        .chain(call.form.values())
        .chain(call.json.values())
}

/// Whether a name has a value while the flow runs, after these identity calls.
fn is_flow_value(definition: &Definition, earlier: &[Identity], name: &str) -> bool {
    match name.split_once('.') {
        Some(("token", _)) => true,
        Some(("callback", name)) => definition.callback.parameters.contains_key(name),
        Some(("identity", path)) => is_identity(earlier, path),
        Some(_) => false,
        None => is_credential(name),
    }
}

/// Whether a name has a value long after the flow: what is kept are the public properties.
fn is_kept_value(definition: &Definition, name: &str) -> bool {
    let properties = &definition.credential.properties;
    match name.split_once('.') {
        Some(("token", name)) => properties.get(name).is_some_and(|kept| !kept.secret),
        Some(_) => false,
        None => is_credential(name),
    }
}

fn is_credential(name: &str) -> bool {
    matches!(
        name,
        "access_token"
            | "refresh_token"
            | "refresh_or_access_token"
            | "client_id"
            | "client_secret"
    )
}

fn is_identity(calls: &[Identity], path: &str) -> bool {
    let call = path.split('.').next().unwrap_or_default();
    calls.iter().any(|identity| identity.name == call)
}

fn sources(definition: &Definition) -> impl Iterator<Item = &Source> {
    let credential = &definition.credential;
    let properties = credential
        .properties
        .values()
        .flat_map(|property| &property.from);
    credential
        .external_id
        .iter()
        .chain(&credential.external_label)
        .chain(properties)
}

fn credential(definition: &Definition, findings: &mut Vec<String>) {
    let credential = &definition.credential;
    if credential.external_id.is_empty() {
        findings.push("credential.external_id: name at least one source".into());
    }
    if credential.properties.contains_key("kind") {
        findings.push("credential.properties: kind is set by Keyway".into());
    }
    for source in sources(definition) {
        let good = match source.root {
            Root::Identity => is_identity(&definition.identity, &source.path),
            Root::Callback => definition.callback.parameters.contains_key(&source.path),
            Root::Variable => known_variables(definition).contains(source.path.as_str()),
            Root::Granted => matches!(
                source.path.as_str(),
                "access_token"
                    | "refresh_token"
                    | "token_type"
                    | "scope"
                    | "expires_at"
                    | "refresh_expires_at"
            ),
            Root::App => source.path == "client_id",
            Root::Token | Root::IdToken => true,
        };
        if !good {
            findings.push(format!("credential: source {source:?} has no value"));
        }
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
}

/// What an import cannot do without: properties that give back whose the tokens are, and every
/// variable that is needed after the flow began.
fn inverse(definition: &Definition, findings: &mut Vec<String>) {
    for source in &definition.credential.external_id {
        if definition
            .credential
            .property_of(source.root, &source.path)
            .is_none()
        {
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
        if is_needed
            && definition
                .credential
                .property_of(Root::Variable, name)
                .is_none()
        {
            findings.push(format!(
                "variables.{name}: no property comes from variable.{name} alone, so an import could not set it"
            ));
        }
    }
}

/// The templates that are used after the authorization.
fn later_templates(definition: &Definition) -> impl Iterator<Item = &Template> {
    let token = &definition.token;
    let refresh = definition.refresh.iter();
    std::iter::once(&token.url)
        .chain(token.parameters.values())
        .chain(refresh.flat_map(|refresh| refresh.url.iter().chain(refresh.parameters.values())))
        .chain(definition.revoke.iter().flat_map(call_templates))
        .chain(definition.api.iter().flat_map(api_templates))
}

fn looks_secret(name: &str, property: &Property) -> bool {
    let token = |source: &Source| {
        matches!(source.root, Root::Granted | Root::Token)
            && (source.path.ends_with("access_token") || source.path.ends_with("refresh_token"))
    };
    matches!(
        name,
        "access_token" | "refresh_token" | "secret" | "password"
    ) || property.from.iter().any(token)
}
