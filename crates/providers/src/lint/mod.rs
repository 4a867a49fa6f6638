//! What is wrong in a definition.

mod credential;
mod modern;
mod names;
mod urls;

use std::collections::BTreeSet;

use crate::{
    Definition,
    definition::{Auth, CATEGORIES, Call, CallAuthorization, ClientAuthentication, Pkce, Token},
    template::Template,
    variables::{SetBy, Variable, whole},
};

/// Everything that is wrong with a definition, a sentence each; empty if it is good. A sentence
/// begins with the place: `authorize.url: …`.
pub fn check(definition: &Definition) -> Vec<String> {
    let mut findings = Vec::new();
    general(definition, &mut findings);
    way(definition, &mut findings);
    variables(definition, &mut findings);
    urls::check(definition, &mut findings);
    scopes(definition, &mut findings);
    parameters(definition, &mut findings);
    names::check(definition, &mut findings);
    credential::check(definition, &mut findings);
    credential::inverse(definition, &mut findings);
    calls(definition, &mut findings);
    modern::check(definition, &mut findings);
    findings
}

fn general(definition: &Definition, findings: &mut Vec<String>) {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if definition.category.is_empty() || !definition.category.bytes().all(is_word) {
        let usual = CATEGORIES.join(", ");
        findings.push(format!(
            "category: write a word in lower case; the usual ones are {usual}"
        ));
    }
    if definition.name.trim().is_empty() {
        findings.push("name: is empty".into());
    }
    if definition.documentation.scheme() != "https" {
        findings.push("documentation: name the vendor's https page".into());
    }
    for (name, parameter) in &definition.callback.parameters {
        let at = format!("callback.parameters.{name}");
        pattern(&at, &parameter.pattern, findings);
    }
    if definition.callback.issuer_required && definition.callback.issuer.is_none() {
        findings.push("callback.issuer_required: needs an issuer".into());
    }
}

/// What each way of connecting needs, and what it has no use for.
fn way(definition: &Definition, findings: &mut Vec<String>) {
    let auth = definition.auth;
    let word = auth.as_str();
    let mut expect = |at: &str, is_there: bool, is_wanted: bool| match (is_there, is_wanted) {
        (false, true) => findings.push(format!("{at}: auth = {word:?} needs it")),
        (true, false) => findings.push(format!("{at}: auth = {word:?} never uses it")),
        _ => {}
    };
    let flow = auth == Auth::Oauth2;
    expect("authorize", definition.authorize.is_some(), flow);
    expect(
        "token",
        definition.token.is_some(),
        flow || auth.is_minted(),
    );
    expect(
        "assertion",
        definition.assertion.is_some(),
        auth == Auth::JwtBearer,
    );
    expect("oauth1", definition.oauth1.is_some(), auth == Auth::OAuth1);
    if auth != Auth::Oauth2 {
        expect("refresh", definition.refresh.is_some(), false);
        expect("long_lived", definition.long_lived.is_some(), false);
    }
    let hidden = |name: &str| {
        definition
            .variables
            .get(name)
            .is_some_and(|rule| rule.secret)
    };
    let needs: &[&str] = match auth {
        Auth::ClientCredentials => &["client_secret"],
        Auth::OAuth1 => &["consumer_secret", "token_secret"],
        _ => &[],
    };
    for name in needs {
        expect(&format!("variables.{name}"), hidden(name), true);
    }
    if let Some(assertion) = &definition.assertion {
        expect(
            &format!("variables.{}", assertion.key),
            hidden(&assertion.key),
            true,
        );
    }
    if matches!(auth, Auth::ApiKey | Auth::Basic) {
        let entry = definition.entry_name();
        expect("entry", entry.is_some_and(hidden), true);
    } else {
        expect("entry", definition.entry.is_some(), false);
    }
    for (name, rule) in &definition.variables {
        if rule.secret && !auth.is_entered() {
            expect(&format!("variables.{name}.secret"), true, false);
        }
    }
}

fn variables(definition: &Definition, findings: &mut Vec<String>) {
    for (name, variable) in &definition.variables {
        let at = format!("variables.{name}");
        match (&variable.pattern, variable.choices.is_empty()) {
            (Some(text), true) => pattern(&at, text, findings),
            (None, false) => {}
            (None, true) if variable.secret => {}
            (None, true) => findings.push(format!("{at}: needs a pattern or choices")),
            (Some(_), false) => {
                findings.push(format!("{at}: has choices, so the pattern is never used"));
            }
        }
        if variable.secret && (variable.default.is_some() || !variable.choices.is_empty()) {
            findings.push(format!("{at}: a secret has neither default nor choices"));
        }
        if variable.secret && variable.set_by == SetBy::Admin {
            findings.push(format!("{at}: a secret is the end user's to enter"));
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

fn scopes(definition: &Definition, findings: &mut Vec<String>) {
    let Some(authorize) = &definition.authorize else {
        return;
    };
    let is_sent = authorize.parameter("scope").is_some();
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
        if !list.is_empty() && !is_sent {
            findings.push(format!("{at}: scopes that are left out are never sent"));
        }
    }
    if authorize.scope_separator.is_empty() {
        findings.push("authorize.scope_separator: is empty".into());
    }
}

/// Standard parameters, by endpoint.
const OF_AUTHORIZATION: [&str; 11] = [
    "dpop_jkt",
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "response_mode",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "nonce",
];
const OF_TOKEN: [&str; 11] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "resource",
    "assertion",
];

fn parameters(definition: &Definition, findings: &mut Vec<String>) {
    let mut check = |at: &str, names: &mut dyn Iterator<Item = &String>, known: &[&str]| {
        for name in names {
            if !known.contains(&name.as_str()) {
                findings.push(format!("{at}: {name:?} is no standard parameter there"));
            }
        }
    };
    if let Some(authorize) = &definition.authorize {
        check(
            "authorize.rename",
            &mut authorize.rename.keys(),
            &OF_AUTHORIZATION,
        );
        check(
            "authorize.omit",
            &mut authorize.omit.iter(),
            &OF_AUTHORIZATION,
        );
    }
    for (at, token) in endpoints(definition) {
        check(&format!("{at}.rename"), &mut token.rename.keys(), &OF_TOKEN);
        check(&format!("{at}.omit"), &mut token.omit.iter(), &OF_TOKEN);
    }
    if let Some(refresh) = &definition.refresh {
        let rename = refresh.rename.iter().flat_map(|rename| rename.keys());
        check("refresh.rename", &mut rename.into_iter(), &OF_TOKEN);
        check(
            "refresh.omit",
            &mut refresh.omit.iter().flatten(),
            &OF_TOKEN,
        );
    }
    let is_set = |token: &Token| token.parameters.contains_key("grant_type");
    if definition.token.as_ref().is_some_and(is_set) {
        findings.push("token.parameters: grant_type is set by Keyway".into());
    }
    if let Some(refresh) = &definition.refresh
        && refresh.parameters.contains_key("grant_type")
    {
        findings.push("refresh.parameters: write refresh.grant_type".into());
    }
    for (at, token) in endpoints(definition) {
        proof(definition, at, token, findings);
    }
}

fn proof(definition: &Definition, at: &str, token: &Token, findings: &mut Vec<String>) {
    let pkce = definition
        .authorize
        .as_ref()
        .map(|authorize| authorize.pkce);
    let names_secret = |template: &Template| template.names().any(|name| name == "client_secret");
    match token.client_authentication {
        ClientAuthentication::None
            if at == "token" && pkce.is_some_and(|pkce| pkce != Pkce::Required) =>
        {
            findings.push(format!(
                "{at}: a client without a secret needs pkce = \"required\""
            ));
        }
        ClientAuthentication::Header if !token.headers.values().any(names_secret) => {
            findings.push(format!("{at}.headers: no header holds {{client_secret}}"));
        }
        _ => {}
    }
}

/// The endpoints that yield tokens.
fn endpoints(definition: &Definition) -> impl Iterator<Item = (&'static str, &Token)> {
    let token = definition.token.iter().map(|token| ("token", token));
    token.chain(
        definition
            .long_lived
            .iter()
            .map(|token| ("long_lived", token)),
    )
}

/// What the types of calls do not catch.
fn calls(definition: &Definition, findings: &mut Vec<String>) {
    let mut check = |at: &str, call: &Call| {
        if (call.authorization == CallAuthorization::Basic) != call.basic.is_some() {
            findings.push(format!(
                "{at}: authorization = \"basic\" and basic go together"
            ));
        }
        if call.authorization == CallAuthorization::OAuth1 && definition.oauth1.is_none() {
            findings.push(format!("{at}: authorization = \"oauth1\" needs [oauth1]"));
        }
        if !call.form.is_empty() && !call.json.is_empty() {
            findings.push(format!("{at}: a body is a form or JSON"));
        }
    };
    for identity in &definition.identity {
        check(&format!("identity.{}", identity.name), &identity.request);
    }
    if let Some(call) = &definition.revoke {
        check("revoke", call);
    }
    api(definition, findings);
}

fn api(definition: &Definition, findings: &mut Vec<String>) {
    use crate::api::ApiAuthorization as By;
    let Some(api) = &definition.api else { return };
    let is_proof = |template: &Template| template.names().any(crate::api::is_proof);
    if api.base_url.names().any(|name| name == "access_token") {
        findings.push("api.base_url: a URL must not hold the access token".into());
    }
    let in_url = api.base_url.names().any(|name| name.starts_with("secret."));
    if api.authorization == By::None && !in_url && !api.headers.values().any(is_proof) {
        findings.push("api: nothing sends the access token".into());
    }
    if (api.authorization == By::Basic) != api.basic.is_some() {
        findings.push("api: authorization = \"basic\" and basic go together".into());
    }
    if api.authorization == By::Query && !api.query.values().any(is_proof) {
        findings.push("api.query: nothing sends the access token".into());
    }
    if api.authorization == By::OAuth1 && definition.oauth1.is_none() {
        findings.push("api: authorization = \"oauth1\" needs [oauth1]".into());
    }
}

/// Every template of a call.
fn call_templates(call: &Call) -> impl Iterator<Item = &Template> {
    let pair = call.basic.iter();
    std::iter::once(&call.url)
        .chain(call.headers.values())
        .chain(call.query.values())
        .chain(call.form.values())
        .chain(call.json.values())
        .chain(pair.flat_map(|pair| [&pair.username, &pair.password]))
}
