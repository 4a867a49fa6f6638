//! Every name in a template must be one that has a value there.

use std::collections::BTreeSet;

use super::call_templates;
use crate::{
    Definition,
    definition::{Call, Identity},
    source::Root,
    template::Template,
};

pub(super) fn check(definition: &Definition, findings: &mut Vec<String>) {
    let mut names = Names {
        definition,
        known: known_variables(definition),
        used: BTreeSet::new(),
        findings,
    };
    names.request();
    names.tokens();
    names.calls();
    names.sources();
    names.unused();
}

/// The variables that may be named as they are, and what their choices set.
pub(super) fn known_variables(definition: &Definition) -> BTreeSet<&str> {
    let open = definition.variables.iter().filter(|(_, rule)| !rule.secret);
    let choices = definition.variables.values().flat_map(|rule| &rule.choices);
    open.map(|(name, _)| name.as_str())
        .chain(choices.flat_map(|choice| choice.set.keys().map(String::as_str)))
        .collect()
}

struct Names<'a> {
    definition: &'a Definition,
    known: BTreeSet<&'a str>,
    used: BTreeSet<&'a str>,
    findings: &'a mut Vec<String>,
}

impl<'a> Names<'a> {
    fn see(&mut self, at: &str, template: &'a Template, has_value: &dyn Fn(&str) -> bool) {
        for name in template.names() {
            let variable = name.strip_prefix("secret.").unwrap_or(name);
            self.used.insert(variable);
            let is_secret = name != variable && self.is_secret(variable);
            if !self.known.contains(name) && !is_secret && !has_value(name) {
                self.findings
                    .push(format!("{at}: {{{name}}} has no value there"));
            }
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        let rule = self.definition.variables.get(name);
        rule.is_some_and(|rule| rule.secret)
    }

    fn request(&mut self) {
        let definition = self.definition;
        let only_client = |name: &str| name == "client_id";
        let nothing = |_: &str| false;
        if let Some(authorize) = &definition.authorize {
            self.see("authorize.url", &authorize.url, &only_client);
            if let Some(template) = &authorize.par {
                self.see("authorize.par", template, &nothing);
            }
            for (name, template) in &authorize.parameters {
                self.see(
                    &format!("authorize.parameters.{name}"),
                    template,
                    &only_client,
                );
            }
            if let Some(template) = &authorize.resource {
                self.see("authorize", template, &nothing);
            }
        }
        if let Some(rule) = &definition.id_token {
            self.see("id_token.jwks_url", &rule.jwks_url, &nothing);
        }
        if let Some(template) = &definition.callback.issuer {
            self.see("callback.issuer", template, &nothing);
        }
    }

    fn tokens(&mut self) {
        let definition = self.definition;
        let is_client = |name: &str| matches!(name, "client_id" | "client_secret");
        let at_exchange = |name: &str| is_client(name) || is_callback(definition, name);
        let after = |name: &str| is_client(name) || name == "access_token";
        for (at, token) in super::endpoints(definition) {
            let has_value: &dyn Fn(&str) -> bool =
                if at == "token" { &at_exchange } else { &after };
            self.see(&format!("{at}.url"), &token.url, has_value);
            let rule = &token.client_assertion;
            for template in rule.audience.iter().chain(&rule.key_id) {
                self.see(&format!("{at}.client_assertion"), template, &|_| false);
            }
            for (name, template) in token.parameters.iter().chain(&token.headers) {
                self.see(&format!("{at}: {name}"), template, has_value);
            }
        }
        let at_refresh = |name: &str| {
            let kept = name.strip_prefix("callback.").map(|name| {
                definition
                    .credential
                    .property_of(Root::Callback, name)
                    .is_some()
            });
            kept.unwrap_or_else(|| is_kept_value(definition, name))
        };
        if let Some(refresh) = &definition.refresh {
            let headers = refresh
                .headers
                .iter()
                .flatten()
                .map(|(_, template)| template);
            let templates = refresh.url.iter().chain(refresh.parameters.values());
            for template in templates.chain(headers) {
                self.see("refresh", template, &at_refresh);
            }
        }
        if let Some(assertion) = &definition.assertion {
            self.used.insert(&assertion.key);
            let more = assertion.subject.iter().chain(&assertion.key_id);
            let templates = [&assertion.issuer, &assertion.audience]
                .into_iter()
                .chain(more);
            for template in templates.chain(assertion.claims.values()) {
                self.see("assertion", template, &|_| false);
            }
        }
        if let Some(rule) = &definition.oauth1 {
            self.used
                .extend(["consumer_key", "consumer_secret", "token", "token_secret"]);
            rule.realm
                .iter()
                .for_each(|realm| self.see("oauth1.realm", realm, &|_| false));
        }
        if definition.auth.is_minted() {
            self.used.extend(["client_id", "client_secret"]);
        }
    }

    fn calls(&mut self) {
        let definition = self.definition;
        for (index, identity) in definition.identity.iter().enumerate() {
            let earlier = definition.identity.get(..index).unwrap_or_default();
            let has_value = |name: &str| is_flow_value(definition, earlier, name);
            self.call(
                &format!("identity.{}", identity.name),
                &identity.request,
                &has_value,
            );
        }
        if let Some(call) = &definition.revoke {
            self.call("revoke", call, &|name| is_kept_value(definition, name));
        }
        let api = definition.api.iter().flat_map(api_templates);
        for template in api {
            let is_kept = |name: &str| {
                name == "access_token" || (!is_credential(name) && is_kept_value(definition, name))
            };
            self.see("api", template, &is_kept);
        }
        if let Some(only) = definition
            .choice
            .as_ref()
            .and_then(|choice| choice.only.as_ref())
        {
            let has_value = |name: &str| is_flow_value(definition, &definition.identity, name);
            self.see("choice.where", &only.equals, &has_value);
        }
    }

    fn call(&mut self, at: &str, call: &'a Call, has_value: &dyn Fn(&str) -> bool) {
        for template in call_templates(call) {
            self.see(at, template, has_value);
        }
    }

    fn sources(&mut self) {
        for source in super::credential::sources(self.definition) {
            if source.root == Root::Variable {
                self.used.insert(&source.path);
            }
        }
        for pattern in &self.definition.hosts {
            if let crate::host::HostPattern::Variable(name) = pattern {
                self.used.insert(name);
            }
        }
        self.used.extend(self.definition.entry_name());
    }

    fn unused(&mut self) {
        for (name, rule) in &self.definition.variables {
            let mut settings = rule.choices.iter().flat_map(|choice| choice.set.keys());
            let is_used = self.used.contains(name.as_str())
                || settings.any(|setting| self.used.contains(setting.as_str()));
            // A property of its own is no use by itself.
            if !is_used {
                self.findings
                    .push(format!("variables.{name}: is never used"));
            }
        }
    }
}

fn api_templates(api: &crate::api::Api) -> impl Iterator<Item = &Template> {
    let pair = api.basic.iter();
    std::iter::once(&api.base_url)
        .chain(api.headers.values())
        .chain(api.query.values())
        .chain(pair.flat_map(|pair| [&pair.username, &pair.password]))
}

fn is_callback(definition: &Definition, name: &str) -> bool {
    let name = name.strip_prefix("callback.");
    name.is_some_and(|name| definition.callback.parameters.contains_key(name))
}

/// Whether a name has a value while the flow runs, after these identity calls.
fn is_flow_value(definition: &Definition, earlier: &[Identity], name: &str) -> bool {
    match name.split_once('.') {
        Some(("token" | "id_token", _)) => true,
        Some(("callback", _)) => is_callback(definition, name),
        Some(("identity", path)) => is_identity(earlier, path),
        Some(_) => false,
        None => is_credential(name),
    }
}

/// Whether a name has a value long after the flow: what is kept are the public properties.
pub(super) fn is_kept_value(definition: &Definition, name: &str) -> bool {
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

pub(super) fn is_identity(calls: &[Identity], path: &str) -> bool {
    let call = path.split('.').next().unwrap_or_default();
    calls.iter().any(|identity| identity.name == call)
}
