//! What hostile values of variables can do: nothing. For every provider with variables.

use std::collections::BTreeMap;

use chrono::DateTime;
use keyway_domain::{
    authorization_session::ProviderState, ids::AuthorizationSessionId, pkce::CodeVerifier,
    random::OsRandom,
};
use keyway_providers::{
    Catalogue, Definition, Provider, authorize::AuthorizationRequest, request, template::Template,
};

/// Values that lead elsewhere wherever they stand.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "evil.example\\",
        "a@evil.example",
        "a:b@evil.example",
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "::1",
        "localhost",
        "evil.example:8443",
        "b\u{fc}cher.example",
        "\u{ff45}vil.example",
        "xn--bcher-kva.example/",
        "evil%2eexample",
        "acme\r\nHost: evil.example",
        "acme\n",
        "\u{0}",
        "..",
        "../..",
        "//evil.example",
        "https://evil.example",
        " ",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("a".repeat(10_000));
    all
}

/// The usual value of each variable, as a test or an admin would set it.
fn usual(definition: &Definition) -> BTreeMap<String, String> {
    let open = definition.variables.iter().filter(|(_, rule)| !rule.secret);
    open.filter_map(|(name, rule)| {
        let value = rule.default.clone().or_else(|| rule.example.clone());
        Some((name.clone(), rule.check(&value?).ok()?))
    })
    .collect()
}

/// Where the browser would be sent.
fn host(provider: &Provider, variables: &BTreeMap<String, String>) -> Option<String> {
    let id = AuthorizationSessionId::generate(DateTime::UNIX_EPOCH, &OsRandom);
    let definition = &provider.definition;
    let url = provider.authorize_url(&AuthorizationRequest {
        client_id: "client-id",
        redirect_uri: "https://keyway.example/callback",
        state: &ProviderState::generate(id, &OsRandom),
        challenge: &CodeVerifier::generate(&OsRandom).challenge(),
        nonce: None,
        scopes: &definition.default_scopes(),
        variables,
        proof_key: None,
    });
    url.ok()?.host_str().map(str::to_owned)
}

#[test]
fn a_hostile_value_is_refused_or_changes_no_host() {
    let catalogue = Catalogue::shipped().expect("catalogue");
    let (mut tried, mut wrong) = (0, Vec::new());
    for provider in catalogue.iter() {
        let definition = &provider.definition;
        let usual = usual(definition);
        let expected = host(provider, &usual);
        for (name, rule) in definition.variables.iter().filter(|(_, rule)| !rule.secret) {
            for value in hostile() {
                tried += 1;
                let Ok(taken) = rule.check(&value) else {
                    continue;
                };
                // What is taken may stand in a path or a query; where it stands in a host, the
                // list of hosts has the last word.
                let mut variables = usual.clone();
                variables.insert(name.clone(), taken.clone());
                let reached = host(provider, &variables);
                if reached.is_some()
                    && reached != expected
                    && !allowed(definition, reached.as_deref(), &variables)
                {
                    wrong.push(format!(
                        "{}: {name} = {taken:?} leads to {reached:?}",
                        provider.slug
                    ));
                }
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn allowed(
    definition: &Definition,
    host: Option<&str>,
    variables: &BTreeMap<String, String>,
) -> bool {
    let value = |name: &str| definition.variable_value(variables, name);
    let mut patterns = definition.hosts.iter();
    patterns.any(|pattern| host.is_some_and(|host| pattern.matches(host, value)))
}

/// An end user's request never sets what is the admin's, nor a secret.
#[test]
fn an_end_user_sets_neither_the_admins_variables_nor_secrets() {
    let catalogue = Catalogue::shipped().expect("catalogue");
    let mut tried = 0;
    for provider in catalogue.iter() {
        let definition = &provider.definition;
        let admins = definition.admins_variables();
        for (name, _) in admins.chain(definition.secret_variables()) {
            tried += 1;
            let given = definition.check_variables([(name, "example.com")]);
            assert!(given.is_err(), "{}: {name}", provider.slug);
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Every URL that a definition has.
fn urls(definition: &Definition) -> Vec<&Template> {
    let authorize = definition.authorize.iter().map(|authorize| &authorize.url);
    let tokens = definition.token.iter().chain(&definition.long_lived);
    let refresh = definition
        .refresh
        .iter()
        .filter_map(|refresh| refresh.url.as_ref());
    let revoke = definition.revoke.iter().map(|call| &call.url);
    let identity = definition.identity.iter().map(|call| &call.request.url);
    let api = definition.api.iter().map(|api| &api.base_url);
    let tokens = tokens.map(|token| &token.url);
    authorize
        .chain(tokens)
        .chain(refresh)
        .chain(revoke)
        .chain(identity)
        .chain(api)
        .collect()
}

/// Whatever the pattern of a variable says, and whatever a provider answered: where browsers, tokens
/// and client secrets go, the list of hosts has the last word. Only what the admin set may be on it.
#[test]
fn the_list_of_hosts_has_the_last_word() {
    let catalogue = Catalogue::shipped().expect("catalogue");
    let (mut tried, mut wrong) = (0, Vec::new());
    for provider in catalogue.iter() {
        let definition = &provider.definition;
        let set = usual(definition);
        let admins: BTreeMap<String, String> = definition
            .admins_variables()
            .filter_map(|(name, _)| Some((name.to_owned(), set.get(name)?.clone())))
            .collect();
        for template in urls(definition) {
            if template.names().next().is_none() {
                continue;
            }
            for hostile in hostile() {
                tried += 1;
                // Past every check of the values themselves.
                let value = |name: &str| {
                    let set = admins.get(name).cloned();
                    Some(set.unwrap_or_else(|| hostile.clone()))
                };
                let Ok(url) = request::url(definition, template, value) else {
                    continue;
                };
                let origin = template.literal_origin();
                let is_written = origin.is_some_and(|origin| origin.host() == url.host());
                if !is_written && !allowed(definition, url.host_str(), &admins) {
                    wrong.push(format!(
                        "{}: {template} with {hostile:?} is {url}",
                        provider.slug
                    ));
                }
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
