//! Pushed authorization requests (RFC 9126): the provider gets the request from us, and the browser
//! carries no more than a reference to it.

use std::collections::BTreeMap;

use keyway_domain::{opaque::OpaqueToken as _, secret::SecretString};
use url::Url;

use crate::{
    Definition, Provider, answer,
    authorize::{self, AuthorizationRequest},
    client::Client,
    definition::{Body, Token},
    dpop,
    error::{ProviderError, Redaction},
    exchange,
    http::HttpClient,
    request,
};

impl Provider {
    /// The URL that starts the flow at the provider. Where the definition says so, the request is
    /// pushed first: one call, or two within the time of one, where the provider wants a nonce.
    ///
    /// # Errors
    /// [`ProviderError`] with the provider's own words.
    pub async fn authorization(
        &self,
        http: &HttpClient,
        request: &AuthorizationRequest<'_>,
        client_secret: &SecretString,
    ) -> Result<Url, ProviderError> {
        let definition = &self.definition;
        let Some(endpoint) = endpoint(definition)? else {
            return self.authorize_url(request);
        };
        let (mut url, parameters) = authorize::parameters(definition, request)?;
        let client = Client {
            id: request.client_id,
            secret: client_secret,
        };
        let variable = |name: &str| definition.variable_value(request.variables, name);
        let key = dpop::of_flow(definition, request.proof_key)?;
        let answer = dpop::send(http, key.as_ref(), None, |once| {
            let standard = parameters.iter();
            let standard = standard.map(|(name, value)| (name.as_str(), value.clone()));
            exchange::request(
                definition,
                &endpoint,
                client,
                standard.collect(),
                variable,
                once,
            )
        });
        let reference = answer::reference(&answer.await?, &redaction(client, request))?;
        url.set_query(None);
        url.query_pairs_mut()
            .append_pair("client_id", request.client_id)
            .append_pair("request_uri", &reference);
        Ok(url)
    }
}

/// Where requests are pushed: the client proves itself there as at the token endpoint (section 2).
fn endpoint(definition: &Definition) -> Result<Option<Token>, ProviderError> {
    let authorize = definition.authorize.as_ref();
    let Some(par) = authorize.and_then(|authorize| authorize.par.clone()) else {
        return Ok(None);
    };
    let token = exchange::endpoint(definition)?;
    let mut assertion = token.client_assertion.clone();
    // The audience is that of the token endpoint here too (section 2).
    assertion.audience.get_or_insert_with(|| token.url.clone());
    Ok(Some(Token {
        url: par,
        body: Body::Form,
        parameters: BTreeMap::new(),
        rename: BTreeMap::new(),
        omit: Vec::new(),
        client_assertion: assertion,
        ..token.clone()
    }))
}

fn redaction(client: Client<'_>, request: &AuthorizationRequest<'_>) -> Redaction {
    let mut redaction = Redaction::default();
    redaction.add(client.secret);
    redaction.add(&request::basic_pair(client.id, client.secret));
    redaction.add(request.state.secret());
    if let Some(nonce) = request.nonce {
        redaction.add(&nonce.into());
    }
    redaction
}
