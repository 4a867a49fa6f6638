//! The form for what a provider needs to know before the flow can go on.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use keyway_domain::ids::AuthorizationSessionId;
use keyway_providers::{Provider, variables::Variable};

use crate::{hosted::show, link::parameters::Parameters};

#[derive(Template)]
#[template(path = "hosted/variables.html")]
struct VariablesPage<'a> {
    flow: String,
    provider: &'a str,
    problem: Option<&'a str>,
    fields: Vec<Field<'a>>,
    /// Whether a key is entered, and nobody is sent to the provider.
    is_entry: bool,
    /// Where the vendor tells how to get one.
    page: Option<&'a str>,
}

struct Field<'a> {
    name: &'a str,
    variable: &'a Variable,
    value: &'a str,
    /// A private key has lines.
    is_long: bool,
}

/// The form with the variables that are still missing; after a wrong answer, with that answer and
/// what is wrong with it.
pub(crate) fn form(
    flow: AuthorizationSessionId,
    provider: &Provider,
    known: &BTreeMap<String, String>,
    rejected: Option<(&str, &Parameters)>,
) -> HttpResponse {
    let value = |name: &str| {
        let (_, parameters) = rejected?;
        let given = parameters.prefixed("param.").ok()?;
        given
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    };
    let definition = &provider.definition;
    let key = definition
        .assertion
        .as_ref()
        .map(|assertion| assertion.key.as_str());
    let wanted = definition.missing_variables(known);
    let fields = wanted
        .chain(definition.secret_variables())
        .map(|(name, variable)| Field {
            name,
            variable,
            // What was entered in secret is never sent back.
            value: value(name).filter(|_| !variable.secret).unwrap_or_default(),
            is_long: Some(name) == key,
        })
        .collect();
    let page = VariablesPage {
        flow: flow.to_string(),
        provider: &provider.definition.name,
        problem: rejected.map(|(problem, _)| problem),
        fields,
        is_entry: definition.auth.is_entered(),
        page: Some(definition.documentation.as_str()),
    };
    let status = if rejected.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    show(status, &page)
}
