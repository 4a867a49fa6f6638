//! `POST /link/oauth2/variables/{flow}`: what the end user filled in.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, cookie::SameSite, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_session::{Failure, ProviderState, Step, Unanswered},
    ids::AuthorizationSessionId,
    pkce::CodeVerifier,
};
use keyway_providers::Provider;
use keyway_web::cookie;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin, cookie_name,
        departure::{self, Leaving},
        entry::{self, Attempt, Entered},
        own_flow,
        parameters::Parameters,
        redirect::{self, Destination, End},
    },
};

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    flow: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let gone = |detail: &str| {
        let message = "This form has expired. Go back to where you started and try again.";
        hosted::error(
            StatusCode::BAD_REQUEST,
            message,
            &hosted::reference(&request),
            detail,
        )
    };
    let id = match own_flow(&app, &request, &flow) {
        Ok(id) => id,
        Err(detail) => return gone(detail),
    };
    match answer(&app, id, &Parameters::parse(&body), app.now()).await {
        Ok(Some(response)) => response,
        Ok(None) => gone("flow does not wait for variables"),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn answer(
    app: &web::Data<App>,
    id: AuthorizationSessionId,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Result<Option<HttpResponse>, Fault> {
    let Some(flow) = app.store.find_unanswered_session(id, now).await? else {
        return Ok(None);
    };
    let found = app.catalogue.find(flow.account_id, &flow.provider).await?;
    let Some(provider) = &found else {
        return Ok(None);
    };
    let again = |problem: &str| {
        let rejected = Some((problem, parameters));
        hosted::variables::form(id, provider, &flow.variables, rejected)
    };
    let variables = match filled_in(provider, &flow, parameters) {
        Ok(variables) => variables,
        Err(problem) => return Ok(Some(again(&problem))),
    };
    let kept = begin::open_secrets(app, id, flow.account_id, &flow.sealed_secrets)?;
    let proof_key = kept.proof_key.as_deref().map(SecretString::from);
    if provider.definition.auth.is_entered() {
        let secrets = match entered(provider, parameters) {
            Ok(secrets) => secrets,
            Err(problem) => return Ok(Some(again(&problem))),
        };
        let entered = Entered {
            id,
            provider: Arc::clone(provider),
            variables,
            secrets,
            proof_key,
        };
        return Ok(match entry::attempt(app.clone(), entered).await? {
            Attempt::Ended(destination) => Some(ended(app, id, destination)),
            Attempt::NotTaken(problem) => Some(again(&problem)),
            Attempt::Gone => None,
        });
    }
    let verifier = kept
        .code_verifier
        .as_deref()
        .and_then(CodeVerifier::parse)
        .ok_or(Fault::Unreadable("code verifier"))?;
    let nonce = kept.nonce.as_deref().map(SecretString::from);
    let state = ProviderState::generate(id, app.random.as_ref());
    let leaving = Leaving {
        provider,
        client_id: &flow.client_id,
        state: &state,
        verifier: &verifier,
        nonce: nonce.as_ref(),
        scopes: &flow.scopes,
        variables: &variables,
        proof_key: proof_key.as_ref(),
    };
    let location = match departure::location(app, &leaving, flow.oauth_app_id).await? {
        Ok(location) => location,
        Err(refused) => {
            let failure = Failure {
                step: Step::Start,
                error: refused.code,
                description: refused.description.clone(),
                detail: refused.detail.clone(),
            };
            app.store
                .fail_authorization_session(id, &failure, now)
                .await?;
            let end = End::of(app, id, flow.redirect_uri.as_ref(), &kept)?;
            return Ok(Some(begin::refuse(end, &refused)));
        }
    };
    let digest = app.ring.digest(&state);
    let answered = app
        .store
        .answer_session(id, &variables, digest, now)
        .await?;
    Ok(answered.then(|| redirect::found(&location)))
}

/// The secrets of the form, checked for their form; or the sentence that says what is wrong.
fn entered(
    provider: &Provider,
    parameters: &Parameters,
) -> Result<BTreeMap<String, SecretString>, String> {
    let given = parameters
        .prefixed("param.")
        .map_err(|repeated| format!("{} is there twice", repeated.0))?;
    let value = |name: &str| {
        let found = given.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let secrets = provider.definition.check_secrets(value);
    secrets.map_err(|error| error.to_string())
}

/// The answer to a flow that ended here, without its cookie.
fn ended(app: &App, id: AuthorizationSessionId, destination: Destination) -> HttpResponse {
    if destination.goes_on() {
        return destination.respond();
    }
    let removal = cookie::removal(&app.public_url, &cookie_name(id), SameSite::Lax);
    redirect::with_cookie(destination.respond(), &removal)
}

/// The variables known so far and those of the form, all checked; or the sentence that says what
/// is wrong.
fn filled_in(
    provider: &Provider,
    flow: &Unanswered,
    parameters: &Parameters,
) -> Result<BTreeMap<String, String>, String> {
    let given = parameters
        .prefixed("param.")
        .map_err(|repeated| format!("{} is there twice", repeated.0))?;
    let definition = &provider.definition;
    let is_secret = |name: &str| {
        definition
            .secret_variables()
            .any(|(known, _)| known == name)
    };
    let given = given.into_iter().filter(|(name, _)| !is_secret(name));
    // What is known was checked before; an admin's part is not the end user's to give.
    let mut variables = definition
        .check_variables(given)
        .map_err(|error| error.to_string())?;
    variables.extend(flow.variables.clone());
    if let Some((_, missing)) = definition.missing_variables(&variables).next() {
        return Err(format!("{}: fill this in", missing.label));
    }
    Ok(variables)
}
