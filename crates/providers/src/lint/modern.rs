//! Tokens that are bound to a key, requests that are pushed, and what goes with them.

use crate::{
    Definition,
    api::ApiAuthorization,
    definition::{Body, Call, CallAuthorization, ClientAuthentication, Method, Token},
};

pub(super) fn check(definition: &Definition, findings: &mut Vec<String>) {
    for (at, token) in super::endpoints(definition) {
        assertion(at, token, findings);
    }
    bound(definition, findings);
    signed(definition, findings);
    let identity = definition.identity.iter();
    let identity = identity.map(|call| (format!("identity.{}", call.name), &call.request));
    let revoke = definition.revoke.iter();
    for (at, call) in identity.chain(revoke.map(|call| ("revoke".to_owned(), call))) {
        client(definition, &at, call, findings);
    }
}

fn assertion(at: &str, token: &Token, findings: &mut Vec<String>) {
    let rule = &token.client_assertion;
    let is_said = rule.audience.is_some() || rule.key_id.is_some() || rule.algorithm.is_some();
    if rule.algorithm.is_some()
        && token.client_authentication == ClientAuthentication::ClientSecretJwt
    {
        findings.push(format!(
            "{at}.client_assertion.algorithm: a secret signs with HS256"
        ));
    }
    let is_used = matches!(
        token.client_authentication,
        ClientAuthentication::PrivateKeyJwt | ClientAuthentication::ClientSecretJwt
    );
    if is_said && !is_used {
        findings.push(format!(
            "{at}.client_assertion: the client proves itself without one"
        ));
    }
}

fn bound(definition: &Definition, findings: &mut Vec<String>) {
    if definition
        .long_lived
        .as_ref()
        .is_some_and(|again| again.dpop)
    {
        findings.push("long_lived.dpop: is said in [token], for all that come from it".into());
    }
    if !definition.binds_tokens() {
        return;
    }
    let is_query = |token: &Token| token.body == Body::Query;
    if definition.token.as_ref().is_some_and(is_query) {
        findings.push("token.dpop: no code goes into a URL beside a proof".into());
    }
    let api = definition.api.as_ref();
    if api.is_some_and(|api| api.authorization != ApiAuthorization::Bearer) {
        findings.push(
            "api.authorization: a token that is bound to a key is presented as \"bearer\", with a proof"
                .into(),
        );
    }
}

fn signed(definition: &Definition, findings: &mut Vec<String>) {
    let Some(rule) = &definition.id_token else {
        return;
    };
    if definition.callback.issuer.is_none() {
        findings.push("id_token: needs callback.issuer, whose keys they are".into());
    }
    if rule.algorithms.is_empty() {
        findings.push("id_token.algorithms: is empty".into());
    }
}

fn client(definition: &Definition, at: &str, call: &Call, findings: &mut Vec<String>) {
    if call.authorization != CallAuthorization::Client {
        return;
    }
    if definition.token.is_none() {
        findings.push(format!(
            "{at}: authorization = \"client\" is as in [token], and there is none"
        ));
    }
    if call.method == Method::Get || !call.json.is_empty() {
        findings.push(format!("{at}: authorization = \"client\" goes with a form"));
    }
}
