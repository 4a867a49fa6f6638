//! `POST /link/oauth2/variables/{flow}`: what the end user filled in.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_session::{Failure, ProviderState, Step, Unanswered},
    ids::AuthorizationSessionId,
    pkce::CodeVerifier,
};
use keyway_providers::Provider;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin::{self, Leaving},
        is_bound,
        parameters::Parameters,
        redirect::{self, End},
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
    let Ok(id) = flow.parse::<AuthorizationSessionId>() else {
        return gone("flow is not a UUID");
    };
    // The cookie proves the browser, so a foreign site cannot post here for it.
    if !is_bound(&app, &request, id) {
        return gone("flow of another browser");
    }
    match answer(&app, id, &Parameters::parse(&body), app.now()).await {
        Ok(Some(response)) => response,
        Ok(None) => gone("flow does not wait for variables"),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn answer(
    app: &App,
    id: AuthorizationSessionId,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Result<Option<HttpResponse>, Fault> {
    let Some(flow) = app.store.find_unanswered_session(id, now).await? else {
        return Ok(None);
    };
    let Some(provider) = app.catalogue.find(&flow.provider) else {
        return Ok(None);
    };
    let variables = match filled_in(provider, &flow, parameters) {
        Ok(variables) => variables,
        Err(problem) => {
            return Ok(Some(hosted::variables::form(
                id,
                provider,
                &flow.variables,
                Some((&problem, parameters)),
            )));
        }
    };
    let secrets = begin::open_secrets(app, id, flow.account_id, &flow.sealed_secrets)?;
    let verifier = secrets
        .code_verifier
        .as_deref()
        .and_then(CodeVerifier::parse)
        .ok_or(Fault::Unreadable("code verifier"))?;
    let nonce = secrets.nonce.as_deref().map(SecretString::from);
    let state = ProviderState::generate(id, app.random.as_ref());
    let leaving = Leaving {
        provider,
        client_id: &flow.client_id,
        state: &state,
        verifier: &verifier,
        nonce: nonce.as_ref(),
        scopes: &flow.scopes,
        variables: &variables,
    };
    let location = match begin::authorize_url(app, &leaving) {
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
            let end = End::of(id, flow.redirect_uri.as_ref(), &secrets)?;
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
    let known = flow
        .variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let all = known.chain(given);
    let variables = provider
        .definition
        .check_variables(all)
        .map_err(|error| error.to_string())?;
    if let Some((_, missing)) = provider.definition.missing_variables(&variables).next() {
        return Err(format!("{}: fill this in", missing.label));
    }
    Ok(variables)
}
