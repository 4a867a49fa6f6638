//! Where requests may go.

use crate::{
    Definition,
    host::{self, HostPattern},
    template::Template,
    variables::SetBy,
};

/// Every URL: https (http on loopback), and an allow-list wherever a name stands in the host.
pub(super) fn check(definition: &Definition, findings: &mut Vec<String>) {
    let mut check = |at: &str, template: &Template| match template.literal_origin() {
        Some(url) if url.scheme() == "https" || host::is_loopback(&url) => {}
        Some(_) => findings.push(format!("{at}: use https")),
        None if definition.hosts.is_empty() => {
            findings.push(format!(
                "{at}: a name stands in the host, so `hosts` must list where it may lead"
            ));
        }
        None if template.to_string().starts_with("http://") => {
            findings.push(format!("{at}: use https"));
        }
        None => {}
    };
    if let Some(authorize) = &definition.authorize {
        check("authorize.url", &authorize.url);
        if let Some(par) = &authorize.par {
            check("authorize.par", par);
        }
    }
    for (at, token) in super::endpoints(definition) {
        check(&format!("{at}.url"), &token.url);
    }
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
    if let Some(rule) = &definition.id_token {
        check("id_token.jwks_url", &rule.jwks_url);
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
    hosts(definition, findings);
}

fn hosts(definition: &Definition, findings: &mut Vec<String>) {
    for pattern in &definition.hosts {
        if let HostPattern::Variable(name) = pattern
            && !is_set_by_admin(definition, name)
        {
            findings.push(format!(
                "hosts: {{{name}}} must be a variable with set_by = \"admin\", or an end user could send secrets anywhere"
            ));
        }
    }
}

fn is_set_by_admin(definition: &Definition, name: &str) -> bool {
    let sets = |(variable, rule): (&String, &crate::variables::Variable)| {
        let is_it = variable == name
            || rule
                .choices
                .iter()
                .any(|choice| choice.set.contains_key(name));
        is_it && rule.set_by == SetBy::Admin
    };
    definition.variables.iter().any(sets)
}
