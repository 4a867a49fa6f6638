//! One connection to one provider, step by step.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    authorization_session::ProviderState, credential::CredentialKind, ids::AuthorizationSessionId,
    opaque::OpaqueToken as _, pkce::CodeVerifier, provider::ProviderSlug, random::OsRandom,
    scope::Scopes, secret::SecretString,
};
use keyway_providers::{
    Catalogue, Provider, ProviderError,
    authorize::AuthorizationRequest,
    callback::CallbackParameters,
    completion::{Completed, Completion, Granted, Stage},
    http::HttpClient,
    refresh::{RefreshRequest, Refreshed},
    verify::Verification,
};
use keyway_testkit::{
    clock::ManualClock,
    lab::{App, Callback, ErrorPage, Lab},
};
use serde_json::Value;

/// The moment at which every test happens.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("moment")
}

/// A client of one provider, and the lab that plays the provider.
pub(crate) struct Client {
    pub(crate) lab: Lab,
    pub(crate) provider: Arc<Provider>,
    pub(crate) http: HttpClient,
    pub(crate) app: App,
    pub(crate) variables: BTreeMap<String, String>,
    scopes: Option<Scopes>,
}

/// An authorization request that was made.
pub(crate) struct Started {
    pub(crate) url: String,
    pub(crate) state: ProviderState,
    pub(crate) verifier: CodeVerifier,
    pub(crate) nonce: Option<String>,
}

pub(crate) type Outcome = Result<Granted, (Stage, ProviderError)>;

impl Client {
    /// A client of a shipped provider, with the default variables.
    pub(crate) async fn of(slug: &str) -> Self {
        let lab = Lab::start_at(Arc::new(ManualClock::at(now()))).await;
        let catalogue = Catalogue::shipped().expect("catalogue");
        Self::with(lab, &catalogue, slug)
    }

    /// A client of a provider of the lab's own.
    pub(crate) fn with(lab: Lab, catalogue: &Catalogue, slug: &str) -> Self {
        let provider = catalogue
            .find(&ProviderSlug::parse(slug).expect("slug"))
            .expect("definition");
        let app = App {
            provider: slug.to_owned(),
            client_id: format!("client-id-of-{slug}"),
            client_secret: format!("client-secret-of-{slug}"),
            redirect_uri: format!("https://keyway.example/link/oauth2/callback/{slug}"),
        };
        lab.register(app.clone());
        let variables = provider.definition.check_variables([]).expect("defaults");
        Self {
            http: lab.http_client(),
            provider: Arc::clone(provider),
            app,
            variables,
            scopes: None,
            lab,
        }
    }

    /// Sets a variable, as a start URL does.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        let given = [(name, value)];
        let checked = self.provider.definition.check_variables(given);
        self.variables.extend(checked.expect("variable"));
        self
    }

    /// Asks for these scopes instead of the default ones.
    pub(crate) fn scopes(mut self, text: &str) -> Self {
        self.scopes = Some(Scopes::parse(text).expect("scopes"));
        self
    }

    /// Waits one second for an answer, and no longer.
    pub(crate) fn impatient(mut self) -> Self {
        self.http = self.lab.http_client_within(Duration::from_secs(1));
        self
    }

    /// Registers the client again, with another secret.
    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.app.client_id = format!("{}-2", self.app.client_id);
        secret.clone_into(&mut self.app.client_secret);
        self.lab.register(self.app.clone());
        self
    }

    pub(crate) fn client_secret(&self) -> SecretString {
        SecretString::from(self.app.client_secret.as_str())
    }

    /// Makes an authorization request.
    pub(crate) fn start(&self) -> Started {
        let definition = &self.provider.definition;
        let scopes = self.scopes.clone();
        let scopes = scopes.unwrap_or_else(|| definition.default_scopes());
        let scopes = definition.with_mandatory(&scopes);
        let session = AuthorizationSessionId::generate(now(), &OsRandom);
        let state = ProviderState::generate(session, &OsRandom);
        let verifier = CodeVerifier::generate(&OsRandom);
        let nonce = definition
            .wants_nonce(&scopes)
            .then(|| "n-0S6_WzA2Mj".to_owned());
        let url = self
            .provider
            .authorize_url(&AuthorizationRequest {
                client_id: &self.app.client_id,
                redirect_uri: &self.app.redirect_uri,
                state: &state,
                challenge: &verifier.challenge(),
                nonce: nonce.as_deref(),
                scopes: &scopes,
                variables: &self.variables,
                proof_key: None,
            })
            .expect("authorize URL");
        Started {
            url: url.into(),
            state,
            verifier,
            nonce,
        }
    }

    /// Lets the end user agree: the callback's parameters, after the checks that come first.
    pub(crate) async fn approved(&self, started: &Started) -> CallbackParameters {
        let callback = self.lab.approve(&started.url).await.expect("a callback");
        assert!(callback.url.starts_with(&self.app.redirect_uri));
        let parameters = parse(&callback.encoded());
        assert_eq!(
            parameters.get("state"),
            Some(started.state.secret().expose().as_str())
        );
        self.verify(&parameters).expect("a callback to trust");
        parameters
    }

    /// Lets the end user refuse.
    pub(crate) async fn denied(&self) -> Result<Callback, ErrorPage> {
        self.lab.deny(&self.start().url).await
    }

    pub(crate) fn verify(&self, parameters: &CallbackParameters) -> Result<(), ProviderError> {
        let secret = self.client_secret();
        self.provider
            .verify_callback(parameters, &secret, &self.variables, now())
    }

    /// Exchanges the code of a callback.
    pub(crate) async fn complete(
        &self,
        started: &Started,
        parameters: &CallbackParameters,
    ) -> Outcome {
        let code = SecretString::from(parameters.get("code").expect("a code"));
        let verifier = started.verifier.secret();
        let takes_pkce = self.provider.definition.takes_pkce();
        let completion = Completion {
            client_id: &self.app.client_id,
            client_secret: &self.client_secret(),
            redirect_uri: &self.app.redirect_uri,
            code_verifier: takes_pkce.then_some(verifier),
            nonce: started.nonce.as_deref(),
            variables: &self.variables,
            callback: parameters,
            proof_key: None,
            now: now(),
        };
        let completed = self
            .provider
            .complete(&self.http, &code, &completion)
            .await?;
        match completed {
            Completed::Granted(granted) => Ok(*granted),
            Completed::Choose(accounts, _) => panic!("one of {accounts:?} is to be chosen"),
        }
    }

    /// All of it.
    pub(crate) async fn connect(&self) -> Outcome {
        let started = self.start();
        let parameters = self.approved(&started).await;
        self.complete(&started, &parameters).await
    }

    /// The credential as the client backend gets it.
    pub(crate) async fn connected(&self) -> Value {
        let granted = self.connect().await.expect("a grant");
        self.revealed(&granted)
    }

    pub(crate) fn revealed(&self, granted: &Granted) -> Value {
        let kind: &CredentialKind = &self.provider.definition.credential.kind;
        Value::Object(granted.properties.reveal(kind))
    }

    /// Refreshes a grant, an hour after the flow.
    pub(crate) async fn refresh(&self, granted: &Granted) -> Result<Refreshed, ProviderError> {
        let request = RefreshRequest {
            client_id: &self.app.client_id,
            client_secret: &self.client_secret(),
            redirect_uri: &self.app.redirect_uri,
            variables: &self.variables,
            public: &granted.properties.public,
            secrets: &granted.secrets(),
            token_type: granted.tokens.token_type.as_deref(),
            scopes: granted.tokens.scope.as_ref(),
            refresh_expires_at: granted.tokens.refresh_expires_at,
            now: now() + TimeDelta::hours(1),
        };
        self.provider.refresh(&self.http, &request).await
    }

    /// Asks whether the access token of a grant is good.
    pub(crate) async fn verify_token(&self, granted: &Granted) -> Result<bool, ProviderError> {
        let verification = Verification {
            client_id: &self.app.client_id,
            client_secret: &self.client_secret(),
            variables: &self.variables,
            public: &granted.properties.public,
            secrets: &granted.secrets(),
        };
        self.provider.verify(&self.http, &verification).await
    }

    /// Ends a grant, long after the flow.
    pub(crate) async fn revoke(&self, granted: &Granted) -> Result<bool, ProviderError> {
        let secrets = granted.secrets();
        let secret = self.client_secret();
        let public = &granted.properties.public;
        self.provider
            .revoke(
                &self.http,
                &self.app.client_id,
                &secret,
                &self.variables,
                public,
                &secrets,
            )
            .await
    }

    /// The one access token that was issued.
    pub(crate) fn access_token(&self) -> String {
        only(self.lab.access_tokens(&self.app.provider))
    }

    /// The one refresh token that was issued.
    pub(crate) fn refresh_token(&self) -> String {
        only(self.lab.refresh_tokens(&self.app.provider))
    }
}

fn only(mut tokens: Vec<keyway_testkit::lab::IssuedToken>) -> String {
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens.remove(0).token
}

pub(crate) fn parse(encoded: &str) -> CallbackParameters {
    CallbackParameters::parse(encoded.as_bytes()).expect("no parameter twice")
}
