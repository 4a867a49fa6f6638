//! Where the browser goes from here: to the provider, once it has the request.

use std::collections::BTreeMap;

use keyway_domain::{
    SecretString,
    authorization_session::{Failure, NewSession, ProviderState, RefusedStart, Step},
    ids::OauthAppId,
    oauth_error::ErrorCode,
    pkce::{CodeChallenge, CodeVerifier},
    scope::Scopes,
    sealed::Place,
};
use keyway_providers::{Provider, ProviderError, authorize::AuthorizationRequest};

use crate::{App, error::Fault, link::begin::Refused};

/// What the authorization request is made of.
pub(crate) struct Leaving<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) client_id: &'a str,
    pub(crate) state: &'a ProviderState,
    pub(crate) verifier: &'a CodeVerifier,
    pub(crate) nonce: Option<&'a SecretString>,
    pub(crate) scopes: &'a Scopes,
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) proof_key: Option<&'a SecretString>,
}

impl<'a> Leaving<'a> {
    fn request(
        &self,
        redirect_uri: &'a str,
        challenge: &'a CodeChallenge,
    ) -> AuthorizationRequest<'a> {
        AuthorizationRequest {
            client_id: self.client_id,
            redirect_uri,
            state: self.state,
            challenge,
            nonce: self.nonce.map(|nonce| nonce.expose().as_str()),
            scopes: self.scopes,
            variables: self.variables,
            proof_key: self.proof_key,
        }
    }
}

/// Where the browser goes. A provider that wants the request pushed gets it now, while no connection
/// to the database is held; a call's time is all that it has.
pub(crate) async fn location(
    app: &App,
    leaving: &Leaving<'_>,
    oauth_app: OauthAppId,
) -> Result<Result<String, Refused>, Fault> {
    if !leaving.provider.definition.pushes_requests() {
        return Ok(unpushed(app, leaving));
    }
    let Some(found) = app.store.find_oauth_app_of_client(oauth_app).await? else {
        let code = ErrorCode::ServerError;
        return Ok(Err(Refused::new(code, "The app is no longer registered.")));
    };
    let place = Place::oauth_app_client_secret(found.id, found.account_id);
    let client_secret = app.ring.open(&place, &found.sealed_client_secret)?;
    let redirect_uri = app.callback_url(&leaving.provider.slug);
    let challenge = leaving.verifier.challenge();
    let request = leaving.request(&redirect_uri, &challenge);
    let pushing = leaving
        .provider
        .authorization(&app.http, &request, &client_secret);
    let url = pushing.await;
    Ok(url.map(String::from).map_err(|error| refused(&error)))
}

/// Where the browser would go, without asking anybody.
pub(crate) fn unpushed(app: &App, leaving: &Leaving<'_>) -> Result<String, Refused> {
    let redirect_uri = app.callback_url(&leaving.provider.slug);
    let challenge = leaving.verifier.challenge();
    let request = leaving.request(&redirect_uri, &challenge);
    let url = leaving.provider.authorize_url(&request);
    url.map(String::from).map_err(|error| refused(&error))
}

fn refused(error: &ProviderError) -> Refused {
    Refused {
        code: error.code(),
        description: error.public().into(),
        detail: error.to_string(),
    }
}

/// Keeps a flow that did not leave for the flow log.
pub(crate) async fn keep_refusal(
    app: &App,
    session: &NewSession,
    refused: &Refused,
) -> Result<(), Fault> {
    let start = RefusedStart {
        id: session.id,
        account_id: session.account_id,
        oauth_app_id: session.oauth_app_id,
        provider: session.provider.clone(),
        link_session_id: session.link_session_id,
        failure: Failure {
            step: Step::Start,
            error: refused.code,
            description: refused.description.clone(),
            detail: refused.detail.clone(),
        },
        created_at: session.created_at,
    };
    Ok(app.store.insert_refused_start(&start).await?)
}
