//! What `debug` shows: what was received, what is registered, and where the two part.

use chrono::{DateTime, Utc};
use keyway_domain::pkce::CodeVerifier;
use keyway_providers::Provider;
use keyway_store::LinkTarget;

use crate::{
    App,
    link::{
        begin,
        departure::{self, Leaving},
        parameters::Parameters,
    },
};

/// Findings on a start request. Holds no secret, and nothing of another account than the app's.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    pub(crate) problem: String,
    pub(crate) received: Vec<(String, String)>,
    pub(crate) app_name: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) redirect_uris: Vec<Comparison>,
    pub(crate) scopes: Option<(String, &'static str)>,
    pub(crate) missing_variables: Vec<String>,
    pub(crate) authorize_url: Option<String>,
}

/// A registered redirect URI, after expansion, beside the received one.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) registered: String,
    pub(crate) matches: bool,
    /// What both have in common, and how each goes on.
    pub(crate) common: String,
    pub(crate) received_rest: String,
    pub(crate) registered_rest: String,
}

/// Looks at a request that was refused.
pub(crate) fn of(
    app: &App,
    parameters: &Parameters,
    target: Option<(&LinkTarget, Option<&Provider>)>,
    problem: &str,
    now: DateTime<Utc>,
) -> Diagnostics {
    let (target, provider) = target.unzip();
    let provider = provider.flatten();
    let scopes = target.zip(provider).and_then(|(target, provider)| {
        let (scopes, source) = begin::scopes(provider, target, parameters.first("scope")).ok()?;
        Some((provider.definition.with_mandatory(&scopes), source))
    });
    let variables = target.zip(provider).and_then(|(target, provider)| {
        let given = parameters.prefixed("param.").ok()?;
        let mut variables = provider.definition.check_variables(given).ok()?;
        variables.extend(target.variables.clone());
        Some(variables)
    });
    let missing = provider
        .zip(variables.as_ref())
        .map(|(provider, variables)| {
            let missing = provider.definition.missing_variables(variables);
            missing
                .map(|(name, _)| format!("param.{name}"))
                .collect::<Vec<_>>()
        });
    let authorize_url = (|| {
        let leaving = Leaving {
            provider: provider?,
            client_id: &target?.client_id,
            state: &begin::placeholder_state(app, now),
            verifier: &CodeVerifier::generate(app.random.as_ref()),
            nonce: None,
            scopes: &scopes.as_ref()?.0,
            variables: variables.as_ref()?,
            proof_key: None,
        };
        departure::unpushed(app, &leaving).ok()
    })();
    Diagnostics {
        problem: problem.to_owned(),
        received: received(parameters),
        app_name: target.map(|target| target.app_name.clone()),
        provider: target.map(|target| target.provider.to_string()),
        redirect_uris: target
            .map(|target| comparisons(parameters, target))
            .unwrap_or_default(),
        scopes: scopes.map(|(scopes, source)| (scopes.to_string(), source.as_str())),
        missing_variables: missing.unwrap_or_default(),
        authorize_url,
    }
}

/// Each parameter with its value, but the state: that is the client's own business.
fn received(parameters: &Parameters) -> Vec<(String, String)> {
    let shown = |name: &str| match (name, parameters.first(name)) {
        (
            "client_id"
            | "redirect_uri"
            | "scope"
            | "debug"
            | "code_challenge"
            | "code_challenge_method",
            Some(value),
        ) => value.chars().take(500).collect(),
        (name, Some(value)) if name.starts_with("param.") => value.chars().take(200).collect(),
        (_, Some(value)) => format!("({} characters, not shown)", value.chars().count()),
        (_, None) => String::new(),
    };
    let names = parameters.names().take(40);
    names
        .map(|name| (name.chars().take(80).collect(), shown(name)))
        .collect()
}

fn comparisons(parameters: &Parameters, target: &LinkTarget) -> Vec<Comparison> {
    let received = parameters.first("redirect_uri").unwrap_or_default();
    let compare = |template: &keyway_domain::redirect_uri::RedirectUriTemplate| {
        let registered = template.expand(&target.provider).as_str().to_owned();
        let same = received
            .chars()
            .zip(registered.chars())
            .take_while(|(a, b)| a == b)
            .count();
        Comparison {
            matches: received == registered || received == template.as_str(),
            common: registered.chars().take(same).collect(),
            received_rest: received.chars().skip(same).take(200).collect(),
            registered_rest: registered.chars().skip(same).collect(),
            registered,
        }
    };
    target.redirect_uris.iter().map(compare).collect()
}
