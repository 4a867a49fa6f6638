//! A server, a definition of it, and a client.

use std::{collections::BTreeMap, sync::Arc};

use keyway_domain::{
    Clock as _, SecretString, authorization_session::ProviderState, clock::SystemClock,
    ids::AuthorizationSessionId, pkce::CodeVerifier, provider::ProviderSlug, random::OsRandom,
};
use keyway_providers::{
    Catalogue, Provider, ProviderError,
    authorize::AuthorizationRequest,
    callback::CallbackParameters,
    completion::{Completed, Completion, Granted},
    http::HttpClient,
    refresh::{RefreshRequest, Refreshed},
};
use keyway_testkit::{lab::Lab, real::OidcProvider};
use serde_json::{Map, Value, json};

pub(crate) const REDIRECT_URI: &str = "https://keyway.example/link/oauth2/callback/strict";

/// The definition of a server, with this proof of the client at its token endpoint.
fn definition(issuer: &str, proof: &str) -> String {
    format!(
        r#"
name = "Strict"
category = "identity"
documentation = "https://github.com/panva/node-oidc-provider"
checked = "2026-11-27"
certainty = "verified"

[authorize]
url = "{issuer}/auth"
par = "{issuer}/request"
pkce = "required"
default_scopes = ["openid", "offline_access"]
parameters = {{ prompt = "consent" }}

[callback]
issuer = "{issuer}"
issuer_required = true

[id_token]
jwks_url = "{issuer}/jwks"

[token]
url = "{issuer}/token"
{proof}

[refresh]

[revoke]
method = "POST"
url = "{issuer}/token/revocation"
authorization = "client"
form = {{ token = "{{refresh_or_access_token}}" }}

[[identity]]
name = "me"
request = {{ url = "{issuer}/me" }}

[api]
base_url = "{issuer}/"

[credential]
external_id = ["id_token.sub"]
"#
    )
}

pub(crate) struct World {
    pub(crate) server: OidcProvider,
    /// Where certificates come from, and clients that trust them.
    pub(crate) lab: Lab,
    pub(crate) provider: Arc<Provider>,
    pub(crate) client: Value,
    pub(crate) client_id: String,
}

impl World {
    /// A server with these options over https, and a client of these words there.
    pub(crate) async fn new(options: Value, client: Value, proof: &str) -> Self {
        let lab = Lab::start_at(Arc::new(SystemClock)).await;
        let (cert, key, ca) = lab.certify("127.0.0.1");
        let mut all = json!({"par": true, "tls": {"cert": cert, "key": key, "ca": ca}});
        merge(&mut all, options);
        let root = lab.root_certificate();
        let server = OidcProvider::start_trusted(&all, Some(root)).await;
        let mut asked = json!({"redirect_uri": REDIRECT_URI});
        merge(&mut asked, client);
        let client = server.register(&asked).await;
        let client_id = client.get("client_id").and_then(Value::as_str);
        let mut catalogue = Catalogue::default();
        let definition = definition(server.issuer(), proof);
        catalogue.add("strict", &definition).expect("a definition");
        let slug = ProviderSlug::parse("strict").expect("a slug");
        Self {
            provider: Arc::clone(catalogue.find(&slug).expect("added")),
            client_id: client_id.expect("an id").to_owned(),
            client,
            lab,
            server,
        }
    }

    /// A whole flow: the request on one HTTP client, and all that follows on another.
    pub(crate) async fn connect(
        &self,
        (asking, redeeming): (&HttpClient, &HttpClient),
        secret: &SecretString,
    ) -> Result<Granted, ProviderError> {
        let definition = &self.provider.definition;
        let now = SystemClock.now();
        let session = AuthorizationSessionId::generate(now, &OsRandom);
        let state = ProviderState::generate(session, &OsRandom);
        let verifier = CodeVerifier::generate(&OsRandom);
        let variables = BTreeMap::new();
        let key = definition.new_proof_key(&OsRandom)?;
        let request = AuthorizationRequest {
            client_id: &self.client_id,
            redirect_uri: REDIRECT_URI,
            state: &state,
            challenge: &verifier.challenge(),
            nonce: Some("nonce"),
            scopes: &definition.default_scopes(),
            variables: &variables,
            proof_key: key.as_ref(),
        };
        let url = self.provider.authorization(asking, &request, secret);
        let callback = self.server.approve(url.await?.as_str()).await;
        let query = callback.query().expect("an answer");
        let parameters = CallbackParameters::parse(query.as_bytes()).expect("no parameter twice");
        let code = SecretString::from(parameters.get("code").expect("a code"));
        let completion = Completion {
            client_id: &self.client_id,
            client_secret: secret,
            redirect_uri: REDIRECT_URI,
            code_verifier: Some(verifier.secret()),
            nonce: Some("nonce"),
            variables: &variables,
            callback: &parameters,
            proof_key: key.as_ref(),
            now,
        };
        let completing = self.provider.complete(redeeming, &code, &completion);
        match completing.await.map_err(|(_, error)| error)? {
            Completed::Granted(granted) => Ok(*granted),
            Completed::Choose(accounts, _) => panic!("one of {accounts:?} is to be chosen"),
        }
    }

    pub(crate) async fn refresh(
        &self,
        http: &HttpClient,
        secret: &SecretString,
        granted: &Granted,
    ) -> Result<Refreshed, ProviderError> {
        let request = RefreshRequest {
            client_id: &self.client_id,
            client_secret: secret,
            redirect_uri: REDIRECT_URI,
            variables: &BTreeMap::new(),
            public: &granted.properties.public,
            secrets: &granted.secrets(),
            token_type: None,
            scopes: None,
            refresh_expires_at: None,
            now: SystemClock.now(),
        };
        self.provider.refresh(http, &request).await
    }

    pub(crate) async fn revoke(
        &self,
        http: &HttpClient,
        secret: &SecretString,
        refreshed: &Refreshed,
    ) -> Result<bool, ProviderError> {
        let variables = BTreeMap::new();
        let (public, secrets): (&Map<String, Value>, _) = (&refreshed.public, &refreshed.secrets);
        let id = &self.client_id;
        let revoking = self
            .provider
            .revoke(http, id, secret, &variables, public, secrets);
        revoking.await
    }
}

fn merge(all: &mut Value, more: Value) {
    let (Value::Object(all), Value::Object(more)) = (all, more) else {
        panic!("objects");
    };
    all.extend(more);
}
